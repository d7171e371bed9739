output "listener_id" {
  description = "The listener."
  value       = alb_listener.app.id
}

output "backend_service_id" {
  description = "The backend service, to ask for the health of its servers."
  value       = alb_backend_service.app.id
}

