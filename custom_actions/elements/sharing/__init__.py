"""Snapshots and images: whom they are shared with, and undoing it."""
