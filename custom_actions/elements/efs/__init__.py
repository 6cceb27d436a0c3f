"""EFS file systems: whether they are backed up automatically."""
