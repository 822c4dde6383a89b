"""The commands of `twokeys`, one file a subject."""
