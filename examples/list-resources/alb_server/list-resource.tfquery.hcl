list "alb_server" "web" {
  provider = alb

  config {
    server_group_id = "tg-a2b3c4d5e6"
  }
}
