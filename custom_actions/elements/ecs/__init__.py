"""Elements for Amazon ECS."""
