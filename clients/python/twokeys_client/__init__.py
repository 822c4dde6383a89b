"""Twokeys from Python. `wire` is generated from the OpenAPI document; the rest is written by hand."""

from twokeys_client.cache import EpochCache
from twokeys_client.introspection import Introspector
from twokeys_client.login import LogIn
from twokeys_client.problems import Refused, Unanswered
from twokeys_client.webhooks import BadSignature, verify
from twokeys_client.wire.version import __version__

__all__ = ["BadSignature", "EpochCache", "Introspector", "LogIn", "Refused", "Unanswered", "__version__", "verify"]
