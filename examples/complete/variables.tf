variable "name" {
  description = "Begins the name of everything, 1 to 20 letters, digits, \"_\" or \"-\"."
  type        = string
  default     = "complete"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,20}$", var.name))
    error_message = "The name must be 1 to 20 letters, digits, \"_\" or \"-\"."
  }
}

variable "address" {
  description = "Address of the load balancer, on which its listeners take traffic; one of the machine's that runs it."
  type        = string
}

variable "deletion_protection" {
  description = "Whether the load balancer is safe from terraform destroy."
  type        = bool
  default     = true
}

variable "applications" {
  description = "The applications by name. Without a persistence timeout, clients are not kept on a server."
  type = map(object({
    port                = number
    scheduler           = optional(string, "weighted_round_robin")
    persistence_timeout = optional(number)
    health_path         = optional(string, "/health")
    servers = map(object({
      address = string
      port    = optional(number)
      weight  = optional(number)
    }))
  }))

  validation {
    condition     = length(distinct([for application in var.applications : application.port])) == length(var.applications)
    error_message = "Each application needs a port of its own."
  }
}

variable "workers" {
  description = "The workers by name."
  type = map(object({
    address = string
    port    = number
  }))
  default = {}
}

variable "workers_port" {
  description = "Port on which the workers are reached."
  type        = number
}
