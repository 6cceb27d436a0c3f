"""EFS file systems: automatic backups, access points, and mount targets in public subnets."""
