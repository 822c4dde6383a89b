"""The `twokeys` command, one file a subject."""
