"""The page for people: a small frontend over the public API, and the development mailbox beside it."""

from app.console.mailbox import mount_mailbox
from app.console.routes import DevelopmentNotice, mount_console

__all__ = ["DevelopmentNotice", "mount_console", "mount_mailbox"]
