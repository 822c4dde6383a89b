"""The link "This wasn't me" of every notice."""
