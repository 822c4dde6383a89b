"""What operators do about the ways into an account: its second factor, tokens, locks and reset links."""
