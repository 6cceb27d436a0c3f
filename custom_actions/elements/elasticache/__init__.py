"""ElastiCache: settings of replication groups and clusters that fixes change."""
