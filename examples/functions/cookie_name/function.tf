# A cache in front of the load balancer must not store what carries a session.
output "bypass_cookie" {
  value = provider::alb::cookie_name(alb_backend_service.web.id)
}
