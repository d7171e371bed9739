import {
  to = alb_load_balancer.edge
  identity = {
    id = "alb-a2b3c4d5e6"
  }
}
