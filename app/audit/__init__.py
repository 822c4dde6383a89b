"""The event log: what happened to which account, when, and from where."""
