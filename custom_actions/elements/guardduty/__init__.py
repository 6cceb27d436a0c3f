"""GuardDuty: undoing what switches a detector off."""
