"""KMS keys: a fix for disabled keys, scheduled deletions, and disabled rotation."""
