resource "alb_backend_service" "web" {
  name            = "web"
  protocol        = "http"
  port            = 80
  scheduler       = "weighted_round_robin"
  server_group_id = alb_server_group.web.id

  # By cookie, so only with the http protocol and weighted_round_robin.
  session_persistence = {
    timeout = 3600
  }

  health_check = {
    protocol = "http"
    path     = "/health"
    codes    = ["2xx"]
  }

  # A new port or protocol means another backend service: the listener moves to it before this one goes.
  lifecycle {
    create_before_destroy = true
  }
}
