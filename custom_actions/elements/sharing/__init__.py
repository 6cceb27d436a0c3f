"""Snapshots and images that are shared with the public or with unknown accounts."""
