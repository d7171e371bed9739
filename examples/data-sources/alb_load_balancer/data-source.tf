data "alb_load_balancer" "edge" {
  name = "edge"
}
