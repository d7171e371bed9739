terraform {
  required_version = ">= 1.6"

  required_providers {
    alb = {
      source = "alb-project/alb"
    }
  }
}

resource "alb_server_group" "app" {
  name             = var.name
  load_balancer_id = var.load_balancer_id
  servers          = var.servers
}

resource "alb_backend_service" "app" {
  name             = var.name
  load_balancer_id = var.load_balancer_id
  protocol         = "http"
  port             = 80 # for servers without a port of their own
  server_group_id  = alb_server_group.app.id
  wait_for_healthy = var.minimum_healthy

  session_persistence = {
    timeout = var.persistence_timeout
  }

  health_check = {
    protocol = "http"
    path     = var.health_path
  }

  # A new backend service takes the traffic before the old one is deleted.
  lifecycle {
    create_before_destroy = true
  }
}

resource "alb_listener" "app" {
  name               = var.name
  load_balancer_id   = var.load_balancer_id
  protocol           = "http"
  port               = var.port
  backend_service_id = alb_backend_service.app.id
}

# Warns after every plan and apply while a server is not healthy.
check "servers" {
  data "alb_server_health" "app" {
    backend_service_id = alb_backend_service.app.id
  }

  assert {
    condition = data.alb_server_health.app.healthy_servers == length(data.alb_server_health.app.servers)
    error_message = join("\n", [
      for server in data.alb_server_health.app.servers :
      "${server.address}:${server.port} is ${server.status}: ${coalesce(server.detail, "no detail")}"
      if server.status != "healthy"
    ])
  }
}
