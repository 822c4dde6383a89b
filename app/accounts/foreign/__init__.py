"""Accounts that another system made: taking them over in bulk, and the hashes that they bring."""
