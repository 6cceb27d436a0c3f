"""DynamoDB tables: encryption with a KMS key."""
