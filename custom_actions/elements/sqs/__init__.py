"""Queues: their encryption."""
