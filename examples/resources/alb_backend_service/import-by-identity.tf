import {
  to = alb_backend_service.web
  identity = {
    id = "backend-a2b3c4d5e6"
  }
}
