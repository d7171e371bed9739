terraform {
  required_providers {
    alb = {
      source = "alb-project/alb"
    }
  }
}

# Give the keys as ALB_ACCESS_KEY and ALB_SECRET_KEY.
provider "alb" {
  endpoint = "http://127.0.0.1:9080"
  region   = "local"
}
