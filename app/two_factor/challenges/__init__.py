"""Log-ins that wait for their second factor."""
