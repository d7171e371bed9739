terraform import alb_load_balancer.edge alb-a2b3c4d5e6
