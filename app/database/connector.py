"""Opens connections to Postgres: the hosts of a URL in turn, each with a time limit of its own."""

import ssl
from typing import Any

import asyncpg

from app.kernel.database_url import DatabaseHost, DatabaseUrl
from app.kernel.randomness import shuffled

_CONNECT_SECONDS = 3.0
# Somebody waits for all of them together.
_CONNECT_SECONDS_OF_SEVERAL = 2.0
_PREFER_STANDBY = "prefer-standby"
# What a host says, or leaves unsaid, before the next one is asked. A wrong password is not among them, as with libpq.
_NEXT_HOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TargetServerAttributeNotMatched,
)


class Connector:
    """A host that let its time run out is asked last from then on, so that not every connection waits for it."""

    def __init__(self, url: DatabaseUrl, **options: Any) -> None:
        """`options` are asyncpg's. Settings of the session in them come before those of the URL."""
        self._url = url
        self._hosts: list[DatabaseHost | None] = list(url.hosts) or [None]
        several = _CONNECT_SECONDS_OF_SEVERAL if len(self._hosts) > 1 else _CONNECT_SECONDS
        self._seconds = url.connect_seconds or several
        self._options = options | {"server_settings": {**url.session, **options.get("server_settings", {})}}
        if url.trusts_system:
            self._options["ssl"] = ssl.create_default_context()

    async def connect(self) -> asyncpg.Connection:
        """Raises what the last host raised."""
        wanted = self._url.session_attributes
        rounds = ["standby", "any"] if wanted == _PREFER_STANDBY else [wanted]
        fault: Exception = ConnectionError("no host")
        for attributes in rounds:
            for host in shuffled(self._hosts) if self._url.in_random_order else list(self._hosts):
                try:
                    return await self._connect_to(host, attributes)
                except _NEXT_HOST as error:
                    fault = error
                    if isinstance(error, TimeoutError):
                        self._ask_last(host)
        raise fault

    async def _connect_to(self, host: DatabaseHost | None, attributes: str | None) -> asyncpg.Connection:
        place = {"host": host.name, "port": host.port} if host else {}
        return await asyncpg.connect(
            dsn=self._url.driver_dsn(),
            user=self._url.user,
            password=self._url.password,
            database=self._url.database,
            target_session_attrs=attributes,
            timeout=self._seconds,
            **place,
            **self._options,
        )

    def _ask_last(self, host: DatabaseHost | None) -> None:
        self._hosts.remove(host)
        self._hosts.append(host)
