"""Elements for AWS Lambda."""
