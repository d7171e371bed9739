list "alb_load_balancer" "all" {
  provider = alb
}
