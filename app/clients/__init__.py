"""What other services ask: whose token is this, is it alive, how was it proved."""
