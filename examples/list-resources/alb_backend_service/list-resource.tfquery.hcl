list "alb_backend_service" "all" {
  provider         = alb
  include_resource = true # needed to generate configuration

  config {
    load_balancer_id = "alb-a2b3c4d5e6"
  }
}
