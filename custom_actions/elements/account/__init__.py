"""Elements for the account itself."""
