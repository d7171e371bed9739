-- Half of the connections, those of every second thread, send a persistence cookie. Arguments: method, path, bytes to upload,
-- whether to close, and then the cookies, which are sent in turn. The summary is printed as one line of JSON.

local threads = 0

function setup(thread)
  thread:set("sticky", threads % 2)
  threads = threads + 1
end

function init(args)
  local method, path, size, close = args[1], args[2], tonumber(args[3]), args[4] == "true"
  local body = nil
  if size > 0 then
    body = string.rep("x", size)
  end
  local function format(cookie)
    local headers = { ["Cookie"] = cookie }
    if close then
      headers["Connection"] = "close"
    end
    return wrk.format(method, path, headers, body)
  end
  requests = {}
  if sticky == 1 then
    for i = 5, #args do
      requests[i - 4] = format("theme=dark; " .. args[i])
    end
  end
  if #requests == 0 then
    requests[1] = format(nil)
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
