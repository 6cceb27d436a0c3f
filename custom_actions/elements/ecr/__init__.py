"""Private repositories: how often their images are scanned."""
