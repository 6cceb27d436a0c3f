"""Databases: a fix for instances that are public, and a filter on the parameters of clusters."""
