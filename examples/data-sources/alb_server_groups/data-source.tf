data "alb_server_groups" "blue" {
  name_contains = "blue"
}
