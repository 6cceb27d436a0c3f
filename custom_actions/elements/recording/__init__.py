"""What an account records: required CloudTrail trails and AWS Config rules, and the AWS Config recorder."""
