"""What an account records of itself: whether CloudTrail has a trail, and AWS Config the rules, that it must have."""
