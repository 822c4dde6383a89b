"""Changing the key that secrets are sealed with, while the service runs."""
