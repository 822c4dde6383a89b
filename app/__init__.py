"""Twokeys: log-in, two-factor authentication and password reset as a service."""
