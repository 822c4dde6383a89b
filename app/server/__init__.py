"""Serving HTTP: the checks before the start; uvicorn with draining and limits for slow clients; worker processes."""
