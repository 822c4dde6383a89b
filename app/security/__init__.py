"""Secrets and passwords: what proves, hashes and seals them."""
