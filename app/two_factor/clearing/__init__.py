"""A reset that clears two-factor authentication later: the wait, what cancels it, and how it ends."""
