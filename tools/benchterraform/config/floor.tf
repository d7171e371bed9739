terraform {
  backend "http" {}
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

resource "terraform_data" "load_balancer" {
  input = {
    name        = "bench"
    address     = var.address
    description = "Revision ${var.revision}"
  }
}

resource "terraform_data" "server_group" {
  count = length(var.ports)

  input = {
    name             = "web-${count.index}"
    description      = "Revision ${var.revision}"
    load_balancer_id = terraform_data.load_balancer.id
    servers = {
      large = { address = "127.0.0.1", port = 81, weight = 50 }
      small = { address = "127.0.0.1", port = 82, weight = 25 }
    }
  }
}

resource "terraform_data" "backend_service" {
  count = length(var.ports)

  input = {
    name                = "web-${count.index}"
    description         = "Revision ${var.revision}"
    load_balancer_id    = terraform_data.load_balancer.id
    protocol            = "http"
    port                = 80
    server_group_id     = terraform_data.server_group[count.index].id
    session_persistence = { timeout = 3600 }
    health_check        = { protocol = "http", path = "/health", interval = 300 }
  }
}

resource "terraform_data" "listener" {
  count = length(var.ports)

  input = {
    name               = "web-${count.index}"
    description        = "Revision ${var.revision}"
    load_balancer_id   = terraform_data.load_balancer.id
    protocol           = "http"
    port               = var.ports[count.index]
    backend_service_id = terraform_data.backend_service[count.index].id
  }
}
