resource "alb_listener" "web" {
  name               = "web"
  protocol           = "http"
  port               = 80
  backend_service_id = alb_backend_service.web.id
  idle_timeout       = 60

  # A new port is opened before the old one closes; if it is taken, nothing changes. To replace a listener but keep its port,
  # as -replace does, remove this block: two listeners cannot have the same port.
  lifecycle {
    create_before_destroy = true
  }
}
