"""Elements for AWS Private CA."""
