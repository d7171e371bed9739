list "alb_server_group" "web" {
  provider = alb

  config {
    name_contains = "web"
  }
}
