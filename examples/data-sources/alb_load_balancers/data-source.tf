data "alb_load_balancers" "all" {}

output "addresses" {
  value = { for balancer in data.alb_load_balancers.all.load_balancers : balancer.name => balancer.address }
}
