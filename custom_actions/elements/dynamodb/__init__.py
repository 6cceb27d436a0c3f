"""DynamoDB tables: switching encryption with a KMS key on, and proving it."""
