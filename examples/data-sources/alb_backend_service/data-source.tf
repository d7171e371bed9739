# Created by another configuration; a listener of this one uses it.
data "alb_backend_service" "web" {
  name = "web"
}

resource "alb_listener" "alternative" {
  name               = "alternative"
  protocol           = data.alb_backend_service.web.protocol
  port               = 8080
  backend_service_id = data.alb_backend_service.web.id
}
