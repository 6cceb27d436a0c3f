"""Firewalls of Network Firewall: protection against changes."""
