output "listener_id" {
  description = "The listener, to import it elsewhere."
  value       = alb_listener.web.id
}

output "listener_port" {
  description = "Where the application answers."
  value       = alb_listener.web.port
}

output "backend_service_id" {
  description = "The backend service, to ask for the health of its servers."
  value       = alb_backend_service.web.id
}
