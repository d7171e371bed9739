terraform import alb_server_group.web tg-a2b3c4d5e6
