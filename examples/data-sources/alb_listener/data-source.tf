data "alb_listener" "web" {
  name = "web"
}
