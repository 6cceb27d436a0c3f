"""Workgroups of Athena: their settings."""
