output "listener_id" {
  description = "The listener, to import it elsewhere."
  value       = alb_listener.web.id
}

output "listener_port" {
  description = "Where the application answers."
  value       = alb_listener.web.port
}
