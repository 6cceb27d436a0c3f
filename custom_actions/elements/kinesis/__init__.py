"""Data streams of Kinesis and delivery streams of Firehose: their encryption.

`encryption` has what a policy uses.
"""
