"""Filters on what holds a network together: which interfaces use a group, which subnets a route leads out of."""
