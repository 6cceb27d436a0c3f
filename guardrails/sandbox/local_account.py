"""The account and the region of `LocalAws`, and of the sandbox when no other is named. Does not import moto."""
from __future__ import annotations

ACCOUNT, REGION = "123456789012", "us-east-1"
