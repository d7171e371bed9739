terraform {
  backend "http" {}

  required_providers {
    alb = {
      source = "alb-project/alb"
    }
  }
}

variable "address" {
  type = string
}

variable "ports" {
  type = list(number)
}

variable "revision" {
  type    = number
  default = 1
}

resource "alb_load_balancer" "bench" {
  name        = "bench"
  address     = var.address
  description = "Revision ${var.revision}"
}

resource "alb_server_group" "web" {
  count = length(var.ports)

  name             = "web-${count.index}"
  description      = "Revision ${var.revision}"
  load_balancer_id = alb_load_balancer.bench.id
  servers = {
    large = { address = "127.0.0.1", port = 81, weight = 50 }
    small = { address = "127.0.0.1", port = 82, weight = 25 }
  }
}

resource "alb_backend_service" "web" {
  count = length(var.ports)

  name                = "web-${count.index}"
  description         = "Revision ${var.revision}"
  load_balancer_id    = alb_load_balancer.bench.id
  protocol            = "http"
  port                = 80
  server_group_id     = alb_server_group.web[count.index].id
  session_persistence = { timeout = 3600 }
  health_check        = { protocol = "http", path = "/health", interval = 300 }
}

resource "alb_listener" "web" {
  count = length(var.ports)

  name               = "web-${count.index}"
  description        = "Revision ${var.revision}"
  load_balancer_id   = alb_load_balancer.bench.id
  protocol           = "http"
  port               = var.ports[count.index]
  backend_service_id = alb_backend_service.web[count.index].id
}
