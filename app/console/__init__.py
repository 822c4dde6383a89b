"""The pages for people: a small frontend over the public API, and the API to read."""

from app.console.docs import mount_docs
from app.console.routes import DevelopmentNotice, mount_console

__all__ = ["DevelopmentNotice", "mount_console", "mount_docs"]
