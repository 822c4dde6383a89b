"""Twokeys: log-in, two-factor authentication and password reset as a service."""

__version__ = "1.0.0"
"""The release of the service. The wire has a version of its own, in app/http/openapi.py."""
