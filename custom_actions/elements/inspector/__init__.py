"""Elements for Amazon Inspector."""
