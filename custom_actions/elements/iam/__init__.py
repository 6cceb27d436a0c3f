"""IAM users, groups and roles: their permissions, required policies, and credentials."""
