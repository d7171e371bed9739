output "weights" {
  description = "The weight of every server."
  value       = { for name, server in alb_server_group.app.servers : name => server.weight }
}
