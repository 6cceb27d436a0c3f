"""GuardDuty: a fix for suspended and deleted detectors."""
