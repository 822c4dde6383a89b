"""Statements on the hot path of log-ins and checks: compiled once by SQLAlchemy, run by the driver.

What SQLAlchemy does around a statement at run time costs several times what asyncpg does with it (ADR 12). So
SQLAlchemy compiles these and pools the connections, and asyncpg runs them.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import JSON, Executable, text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql.compiler import SQLCompiler

from app.database.driver import Record, ask_driver
from app.database.engine import Connection

_dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call] # published so
_PARAM = object()


class CompiledStatement:
    """One statement, of Core or as text. `params` are its parameters by name, as `Connection.execute` takes them."""

    def __init__(self, statement: Executable | str) -> None:
        self._statement = text(statement) if isinstance(statement, str) else statement

    async def all(self, connection: Connection, params: Mapping[str, Any]) -> Sequence[Record]:
        words, parameters = self._compiled
        return await ask_driver(
            connection,
            words,
            [
                (params[name] if value is _PARAM else value) if encode is None else encode(params[name])
                for name, value, encode in parameters
            ],
        )

    async def first(self, connection: Connection, params: Mapping[str, Any]) -> Record | None:
        rows = await self.all(connection, params)
        return rows[0] if rows else None

    @cached_property
    def _compiled(self) -> tuple[str, Sequence[tuple[str, Any, Any]]]:
        """The text, and of each parameter its name, a value fixed in the statement, and its encoder.

        The driver reads and writes the types of our columns by itself, all but JSON, which is written only here.
        """
        compiled = self._statement.compile(dialect=_dialect)  # type: ignore[attr-defined]
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - all that is no DDL
        binds = [compiled.binds[name] for name in compiled.positiontup or ()]
        return str(compiled), [
            (
                bind.key,
                _PARAM if bind.required else bind.value,
                bind.type.dialect_impl(_dialect).bind_processor(_dialect) if isinstance(bind.type, JSON) else None,
            )
            for bind in binds
        ]
