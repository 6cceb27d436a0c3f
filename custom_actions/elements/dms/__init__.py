"""DMS: settings of replication instances that fixes change."""
