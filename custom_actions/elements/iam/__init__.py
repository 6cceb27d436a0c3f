"""Users, groups and roles of IAM: what they may do, what they must have, and their credentials."""
