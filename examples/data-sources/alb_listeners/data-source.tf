data "alb_listeners" "edge" {
  load_balancer_id = data.alb_load_balancer.edge.id
}
