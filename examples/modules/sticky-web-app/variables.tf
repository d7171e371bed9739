variable "name" {
  description = "Name of everything that the module makes."
  type        = string
  default     = "sticky-web-app"
}

variable "load_balancer_id" {
  description = "Load balancer that the application is on; null takes the provider's, else the one of the region."
  type        = string
  default     = null
}

variable "port" {
  description = "Port that clients connect to."
  type        = number
}

variable "servers" {
  description = "The servers by name: where each listens, and its share of the traffic (default 10)."
  type = map(object({
    address = string
    port    = optional(number)
    weight  = optional(number)
  }))

  validation {
    condition     = length(var.servers) > 0
    error_message = "The application needs at least one server."
  }

  validation {
    condition     = anytrue([for server in var.servers : server.weight == null ? true : server.weight > 0])
    error_message = "At least one server needs a weight above 0, or nobody is served."
  }
}

variable "persistence_timeout" {
  description = "Seconds that a client stays on its server without a request, 0 to 86400; 0 is as long as its browser lives."
  type        = number
  default     = 3600

  validation {
    condition     = var.persistence_timeout >= 0 && var.persistence_timeout <= 86400
    error_message = "The persistence timeout must be 0 to 86400 seconds."
  }
}

variable "health_path" {
  description = "Path that a healthy server answers with a status of 200 to 399."
  type        = string
  default     = "/health"
}

variable "minimum_healthy" {
  description = "How many servers must be healthy before an apply is done; null does not wait."
  type        = number
  default     = 1
}
