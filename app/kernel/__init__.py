"""Words that all modules share. Nothing here does I/O."""
