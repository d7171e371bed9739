output "urls" {
  description = "Where each application answers."
  value       = { for name, listener in alb_listener.application : name => "http://${alb_load_balancer.edge.address}:${listener.port}/" }
}

output "cookies" {
  description = "Name of the cookie of each application that keeps sessions, for a cache in front that must not store them."
  value = {
    for name, service in alb_backend_service.application : name => provider::alb::cookie_name(service.id)
    if var.applications[name].persistence_timeout != null
  }
}
