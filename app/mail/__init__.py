"""The outbox, its delivery, the templates and the mail server."""
