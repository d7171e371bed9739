variable "endpoint" {
  description = "The control API, as a URL."
  type        = string
  default     = "http://127.0.0.1:9080"
}

variable "region" {
  description = "The region that the load balancer is in; for lbserver, its --region."
  type        = string
  default     = "local"
}

variable "listener_port" {
  description = "The port that clients connect to."
  type        = number
  default     = 8080
}

variable "servers" {
  description = "The web servers by name: where each listens, and its share of the traffic."
  type = map(object({
    address = string
    port    = optional(number)
    weight  = optional(number)
  }))
}

variable "scheduler" {
  description = "How requests without a cookie are spread. Session persistence needs weighted_round_robin."
  type        = string
  default     = "weighted_round_robin"
}

variable "persistence_timeout" {
  description = "Seconds that a client stays on its server without a request; 0 is as long as its browser lives."
  type        = number
  default     = 3600
}
