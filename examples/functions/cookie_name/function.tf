# A cache in front of the load balancer must not store responses that set the session cookie.
output "bypass_cookie" {
  value = provider::alb::cookie_name(alb_backend_service.web.id)
}
