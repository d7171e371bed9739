variables {
  port = 8080
  servers = {
    large = { address = "10.0.0.11", port = 8080, weight = 50 }
    small = { address = "10.0.0.12" }
  }
}

run "keeps_sessions_for_an_hour" {
  command = plan

  # The check's result is not known before there is a backend service, which counts as a failure in a test.
  expect_failures = [check.servers]

  assert {
    condition     = alb_backend_service.app.session_persistence.enabled && alb_backend_service.app.session_persistence.timeout == 3600
    error_message = "Sessions are kept for ${alb_backend_service.app.session_persistence.timeout} s, not for an hour."
  }

  assert {
    condition     = alb_server_group.app.servers["small"].weight == 10
    error_message = "A server without a weight has ${alb_server_group.app.servers["small"].weight}, not 10."
  }
}

run "refuses_no_server" {
  command = plan

  variables {
    servers = {}
  }

  expect_failures = [var.servers]
}

run "refuses_servers_that_take_no_traffic" {
  command = plan

  variables {
    servers = { idle = { address = "10.0.0.11", weight = 0 } }
  }

  expect_failures = [var.servers]
}

run "refuses_a_timeout_over_a_day" {
  command = plan

  variables {
    persistence_timeout = 86401
  }

  expect_failures = [var.persistence_timeout]
}
