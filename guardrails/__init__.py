"""The operator's side of aws-guardrails: command line, local AWS, sweep, report. It never ships to Lambda."""
