-- Half of the connections, those of every second thread, bring a persistence cookie: the arguments are the cookies to
-- take in turn. The summary comes out as one line of JSON.

local threads = 0

function setup(thread)
  thread:set("sticky", threads % 2)
  threads = threads + 1
end

function init(args)
  requests = {}
  if sticky == 1 then
    for i = 1, #args do
      requests[i] = wrk.format("GET", "/", { ["Cookie"] = "theme=dark; " .. args[i] })
    end
  end
  if #requests == 0 then
    requests[1] = wrk.format("GET", "/")
  end
  turn = 0
end

function request()
  turn = turn + 1
  return requests[turn % #requests + 1]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\nSUMMARY {"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"socket_errors":%d,"bad_statuses":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
