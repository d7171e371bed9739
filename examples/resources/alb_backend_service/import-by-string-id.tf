import {
  to = alb_backend_service.web
  id = "backend-a2b3c4d5e6"
}
