"""Auto Scaling groups: health checks."""
