"""Elements for AWS Systems Manager."""
