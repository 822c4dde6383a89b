"""The pages for people: a small frontend over the public API, the API to read, and the development mailbox."""

from app.console.docs import mount_docs
from app.console.mailbox import mount_mailbox
from app.console.routes import DevelopmentNotice, mount_console

__all__ = ["DevelopmentNotice", "mount_console", "mount_docs", "mount_mailbox"]
