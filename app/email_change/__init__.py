"""Another address: the new mailbox proves itself, and the old one can take the change back for a week."""
