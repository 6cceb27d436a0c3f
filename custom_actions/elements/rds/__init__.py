"""Databases: undoing what makes one public."""
