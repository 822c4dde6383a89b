"""What happened: events, notices, and the outbox that mails go out from."""
