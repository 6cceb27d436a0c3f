"""c7n-mailer, started with its holes closed: what it sends, and to whom, comes from the policies and no message."""
