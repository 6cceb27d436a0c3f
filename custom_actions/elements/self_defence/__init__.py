"""Putting back what keeps this project's own functions running, and the tags that switch its fixes."""
