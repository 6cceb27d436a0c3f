"""Least privilege: for each role that the project runs under, the IAM policy that allows its calls and no other."""
