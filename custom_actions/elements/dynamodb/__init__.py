"""DynamoDB tables: encryption with a KMS key, and capacity that follows the demand, found and fixed."""
