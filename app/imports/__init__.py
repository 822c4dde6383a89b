"""People who move in: accounts, password hashes and authenticator apps from another system."""
