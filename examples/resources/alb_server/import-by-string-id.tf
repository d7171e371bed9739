import {
  to = alb_server.web["large"]
  id = "tg-a2b3c4d5e6/target-a2b3c4d5e6"
}
