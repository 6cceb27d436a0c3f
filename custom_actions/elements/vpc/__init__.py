"""Networks: security groups without interfaces, subnets with a route to the internet, and deleted flow logs."""
