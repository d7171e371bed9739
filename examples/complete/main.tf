# Every resource of the provider in one configuration: a load balancer with several applications, each with its port,
# scheduler, session persistence and health check; and a group whose servers are separate resources.

terraform {
  required_version = ">= 1.8" # for the provider's function in outputs.tf

  required_providers {
    alb = {
      source = "alb-project/alb"
    }
  }
}

# The endpoint, region and keys of the control API come from ALB_ENDPOINT, ALB_REGION, ALB_ACCESS_KEY and ALB_SECRET_KEY.
provider "alb" {}

resource "alb_load_balancer" "edge" {
  name                = var.name
  description         = "Applications of ${var.name}"
  address             = var.address
  deletion_protection = var.deletion_protection
}

resource "alb_server_group" "application" {
  for_each = var.applications

  name             = "${var.name}-${each.key}"
  load_balancer_id = alb_load_balancer.edge.id
  servers          = each.value.servers
}

resource "alb_backend_service" "application" {
  for_each = var.applications

  name              = "${var.name}-${each.key}"
  load_balancer_id  = alb_load_balancer.edge.id
  protocol          = "http"
  port              = 80 # for servers without a port of their own
  scheduler         = each.value.scheduler
  server_group_id   = alb_server_group.application[each.key].id
  forwarded_headers = ["proto", "port", "host"]
  wait_for_healthy  = 1

  session_persistence = each.value.persistence_timeout == null ? null : {
    timeout = each.value.persistence_timeout
  }

  health_check = {
    protocol = "http"
    path     = each.value.health_path
    codes    = ["2xx"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "alb_listener" "application" {
  for_each = var.applications

  name               = "${var.name}-${each.key}"
  load_balancer_id   = alb_load_balancer.edge.id
  protocol           = "http"
  port               = each.value.port
  backend_service_id = alb_backend_service.application[each.key].id
  idle_timeout       = 60
}

# Servers that something else starts and stops: each is a separate resource, and the group does not list them.
resource "alb_server_group" "workers" {
  name             = "${var.name}-workers"
  load_balancer_id = alb_load_balancer.edge.id
}

resource "alb_server" "worker" {
  for_each = var.workers

  server_group_id = alb_server_group.workers.id
  address         = each.value.address
  port            = each.value.port
}

resource "alb_backend_service" "workers" {
  name             = "${var.name}-workers"
  load_balancer_id = alb_load_balancer.edge.id
  protocol         = "http"
  port             = 80
  scheduler        = "weighted_least_connections"
  server_group_id  = alb_server_group.workers.id

  # For a worker, an open port is enough.
  health_check = {
    protocol = "tcp"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "alb_listener" "workers" {
  name               = "${var.name}-workers"
  load_balancer_id   = alb_load_balancer.edge.id
  protocol           = "http"
  port               = var.workers_port
  backend_service_id = alb_backend_service.workers.id
  idle_timeout       = 300
}

# Warns after every plan and apply while fewer than half of the workers are healthy.
check "workers" {
  data "alb_server_health" "workers" {
    backend_service_id = alb_backend_service.workers.id
  }

  assert {
    condition     = 2 * data.alb_server_health.workers.healthy_servers >= length(data.alb_server_health.workers.servers)
    error_message = "Only ${data.alb_server_health.workers.healthy_servers} of ${length(data.alb_server_health.workers.servers)} workers are healthy."
  }
}
