# Warns after every plan and apply while a server does not serve.
check "servers" {
  data "alb_server_health" "web" {
    backend_service_id = alb_backend_service.web.id
  }

  assert {
    condition = alltrue([for server in data.alb_server_health.web.servers : server.status == "healthy"])
    error_message = join("\n", [
      for server in data.alb_server_health.web.servers :
      "${server.address}:${server.port} is ${server.status}: ${coalesce(server.detail, "no detail")}"
      if server.status != "healthy"
    ])
  }
}
