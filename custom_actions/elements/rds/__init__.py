"""Databases: a fix for instances that are public."""
