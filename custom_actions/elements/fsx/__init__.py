"""FSx file systems: copying of tags."""
