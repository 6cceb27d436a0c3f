"""Fixes that undo one change, told by a CloudTrail event: one module a subject.

Each module reads a state, makes steps from it by a pure function (`..steps`), and has a small class for c7n
(`..event_fix`) at its end.
"""
