import {
  to = alb_listener.web
  identity = {
    id = "listener-a2b3c4d5e6"
  }
}
