data "alb_server_group" "web" {
  name             = "web"
  load_balancer_id = data.alb_load_balancer.edge.id
}
