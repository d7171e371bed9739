resource "alb_server_group" "web" {
  name = "web"

  # Choose any names as keys. A changed weight is applied in place: no connection is cut.
  servers = {
    large = { address = "10.0.0.11", port = 8080, weight = 50 }
    small = { address = "10.0.0.12", port = 8080 }
    spare = { address = "10.0.0.13", port = 8080, weight = 0 } # takes no traffic
  }
}
