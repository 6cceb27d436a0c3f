"""EMR clusters: whether the internet can reach their primary nodes."""
