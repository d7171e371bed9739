resource "alb_backend_service" "web" {
  name            = "web"
  protocol        = "http"
  port            = 80
  scheduler       = "weighted_round_robin"
  server_group_id = alb_server_group.web.id

  # Uses a cookie, so only with protocol http and weighted_round_robin.
  session_persistence = {
    timeout = 3600
  }

  health_check = {
    protocol = "http"
    path     = "/health"
    codes    = ["2xx"]
  }

  # A new port or protocol means a new backend service: the listener moves to it before this one is deleted.
  lifecycle {
    create_before_destroy = true
  }
}
