"""The job that a monitoring schedule runs."""
