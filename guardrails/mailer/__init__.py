"""c7n-mailer, started with this project's correction."""
