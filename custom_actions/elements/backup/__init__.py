"""Elements for AWS Backup."""
