list "alb_listener" "web" {
  provider = alb

  config {
    name = "web"
  }
}
