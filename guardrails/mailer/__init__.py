"""c7n-mailer as this project starts it."""
