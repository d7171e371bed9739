terraform import alb_listener.web listener-a2b3c4d5e6
