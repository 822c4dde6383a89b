"""A lost device or a forgotten password: the mailbox is the proof."""
