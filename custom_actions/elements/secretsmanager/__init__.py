"""Elements for AWS Secrets Manager."""
