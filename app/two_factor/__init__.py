"""The second proof: a code from an authenticator app, or a recovery code."""
