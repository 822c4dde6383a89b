"""Authentication tokens: proof for a while."""
