"""Stacks: whether they are protected against deletion."""
