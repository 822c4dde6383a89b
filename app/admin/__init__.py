"""What operators do: over HTTP with a client of the role `admin`, or on the command line."""
