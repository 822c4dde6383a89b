"""Proving who one is: password first, then a code where two-factor authentication is on."""
