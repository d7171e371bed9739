data "alb_backend_services" "web" {
  name_contains = "web-"
}
