"""KMS keys: undoing what disables or deletes one."""
