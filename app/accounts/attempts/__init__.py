"""Limits on requests and on wrong passwords."""
