list "alb_backend_service" "all" {
  provider         = alb
  include_resource = true # for configuration to be generated

  config {
    load_balancer_id = "alb-a2b3c4d5e6"
  }
}
