terraform {
  required_providers {
    alb = {
      source = "alb-project/alb"
    }
  }
}

# Keys are best left to ALB_ACCESS_KEY and ALB_SECRET_KEY.
provider "alb" {
  endpoint = "http://127.0.0.1:9080"
  region   = "local"
}
