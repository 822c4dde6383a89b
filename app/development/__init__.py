"""`twokeys dev`: an embedded Postgres and a mailbox page. Not in the image."""
