# Two releases of an application side by side. green_share moves the traffic from blue to green, in any number of steps, and
# back. No request fails: weights change in place.

terraform {
  required_version = ">= 1.6"

  required_providers {
    alb = {
      source = "alb-project/alb"
    }
  }
}

# The endpoint, region and keys of the control API come from ALB_ENDPOINT, ALB_REGION, ALB_ACCESS_KEY and ALB_SECRET_KEY.
provider "alb" {}

locals {
  share = {
    blue  = 100 - var.green_share
    green = var.green_share
  }

  # Every release on every machine: { "blue-a" = { address = …, port = …, weight = … }, "green-a" = …, … }.
  matrix = {
    for pair in setproduct(keys(local.share), keys(var.machines)) : "${pair[0]}-${pair[1]}" => {
      address = var.machines[pair[1]]
      port    = var.ports[pair[0]]
      weight  = local.share[pair[0]]
    }
  }
}

resource "alb_server_group" "app" {
  name    = "blue-green"
  servers = local.matrix
}

resource "alb_backend_service" "app" {
  name             = "blue-green"
  protocol         = "http"
  port             = 80 # not used: every server has its own
  server_group_id  = alb_server_group.app.id
  wait_for_healthy = length(local.matrix)

  # Clients on blue stay there until its weight is 0.
  session_persistence = {
    timeout = 3600
  }

  health_check = {
    protocol = "http"
    path     = "/health"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "alb_listener" "app" {
  name               = "blue-green"
  protocol           = "http"
  port               = var.listener_port
  backend_service_id = alb_backend_service.app.id
}
