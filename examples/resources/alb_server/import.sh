terraform import 'alb_server.web["large"]' tg-a2b3c4d5e6/target-a2b3c4d5e6
