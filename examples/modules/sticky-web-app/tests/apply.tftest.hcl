# The servers and the port come from a file such as terraform.tfvars and must be real; OpenTofu takes
# what TF_VAR_servers has for text. A failed check fails its run, so each run here also checks that all servers are healthy.

run "serves" {
  assert {
    condition     = alb_listener.app.enabled && alb_listener.app.backend_service_id == alb_backend_service.app.id
    error_message = "The listener does not send its traffic to the application."
  }
}

run "warns_of_a_server_that_does_not_serve" {
  variables {
    servers = merge(var.servers, { absent = { address = "127.0.0.1", port = 1 } })
  }

  expect_failures = [check.servers]
}

run "keeps_sessions_as_long_as_the_browser_lives" {
  variables {
    persistence_timeout = 0
  }

  assert {
    condition     = alb_backend_service.app.session_persistence.timeout == 0
    error_message = "The timeout is ${alb_backend_service.app.session_persistence.timeout} s, not 0."
  }
}
