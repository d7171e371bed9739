import {
  to = alb_server.web["large"]
  identity = {
    server_group_id = "tg-a2b3c4d5e6"
    id              = "target-a2b3c4d5e6"
  }
}
