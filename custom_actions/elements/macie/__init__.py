"""Elements for Amazon Macie."""
