"""Firewalls of Network Firewall: protection against changes, and the destinations of their logs."""
