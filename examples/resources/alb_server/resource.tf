variable "addresses" {
  description = "Addresses of the servers, by their names."
  type        = map(string)
}

resource "alb_server_group" "web" {
  name = "web" # no servers: they are separate resources
}

resource "alb_server" "web" {
  for_each        = var.addresses
  server_group_id = alb_server_group.web.id
  address         = each.value
  port            = 8080
}

resource "alb_backend_service" "web" {
  name             = "web"
  protocol         = "http"
  port             = 80
  server_group_id  = alb_server_group.web.id
  wait_for_healthy = 2

  depends_on = [alb_server.web] # wait_for_healthy waits for these
}
