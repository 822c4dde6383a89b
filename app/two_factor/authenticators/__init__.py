"""The authenticators of an account: listing, naming, adding, replacing and removing them."""
