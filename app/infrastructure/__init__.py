"""What the rooms stand on: settings, database, HTTP manners, vault, hasher, mailer."""
