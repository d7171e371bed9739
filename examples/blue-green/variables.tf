variable "machines" {
  description = "Addresses of the machines by name; both releases run on each."
  type        = map(string)

  validation {
    condition     = length(var.machines) > 0
    error_message = "There must be at least one machine."
  }
}

variable "ports" {
  description = "Port of each release on every machine."
  type = object({
    blue  = number
    green = number
  })
  default = {
    blue  = 8081
    green = 8082
  }

  validation {
    condition     = var.ports.blue != var.ports.green
    error_message = "Blue and green are on the same machines, so they need different ports."
  }
}

variable "green_share" {
  description = "Percentage of new clients that green gets, 0 to 100; blue gets the rest."
  type        = number
  default     = 0

  validation {
    condition     = var.green_share >= 0 && var.green_share <= 100 && floor(var.green_share) == var.green_share
    error_message = "The share of green must be a whole number from 0 to 100."
  }
}

variable "listener_port" {
  description = "Port that clients connect to."
  type        = number
  default     = 8080
}
