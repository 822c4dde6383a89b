"""Taking defences away one at a time, to see that a test notices: `python -m tests.removals`."""
