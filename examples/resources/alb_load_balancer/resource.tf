resource "alb_load_balancer" "edge" {
  name                = "edge"
  address             = "10.0.0.5"
  deletion_protection = true
}

# Objects on the load balancer name it.
resource "alb_server_group" "web" {
  name             = "web"
  load_balancer_id = alb_load_balancer.edge.id
  servers = {
    large = { address = "10.0.0.11", port = 8080 }
  }
}
