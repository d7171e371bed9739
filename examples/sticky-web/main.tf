# A sticky web application: clients that send a cookie stay on their first server, all others are spread by weight. The
# listener has its backend service's protocol; the backend service checks the health of its servers.

terraform {
  required_version = ">= 1.6"

  required_providers {
    alb = {
      source = "alb-project/alb"
    }
  }
}

# The keys come from ALB_ACCESS_KEY and ALB_SECRET_KEY.
provider "alb" {
  endpoint = var.endpoint
  region   = var.region
}

resource "alb_server_group" "web" {
  name        = "sticky-web"
  description = "The web servers and their shares of the traffic"
  servers     = var.servers
}

resource "alb_backend_service" "web" {
  name            = "sticky-web"
  protocol        = "http"
  port            = 80 # for servers without a port of their own
  scheduler       = var.scheduler
  server_group_id = alb_server_group.web.id

  session_persistence = {
    timeout = var.persistence_timeout
  }

  forwarded_headers = ["proto", "port", "host"]

  health_check = {
    protocol            = "http"
    path                = "/health"
    codes               = ["2xx"]
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  # A new port or protocol means a new backend service: the listener moves to it before this one is deleted.
  lifecycle {
    create_before_destroy = true
  }
}

resource "alb_listener" "web" {
  name               = "sticky-web"
  protocol           = "http"
  port               = var.listener_port
  backend_service_id = alb_backend_service.web.id
  idle_timeout       = 60

  # A new port is opened before the old one closes; if it is taken, nothing changes.
  lifecycle {
    create_before_destroy = true
  }
}
