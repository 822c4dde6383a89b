"""Serving HTTP: the checks before, uvicorn with the manners that it lacks, one process or several."""
