"""Elements for Amazon CloudFront."""
