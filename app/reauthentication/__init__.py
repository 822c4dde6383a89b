"""Proving oneself again: a session that was proved just now takes the place of the calling one."""
