"""What a proof buys (a grant), and what every change of how an account proves itself does."""
