"""Data streams of Kinesis and delivery streams of Firehose: encryption, and how long they keep records.

`encryption` and `retention` have what a policy uses.
"""
