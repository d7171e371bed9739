import {
  to = alb_server_group.web
  identity = {
    id = "tg-a2b3c4d5e6"
  }
}
