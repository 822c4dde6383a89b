"""Traces for OpenTelemetry: a span for each request, and for the statements and mails in it.

Imported only where TWOKEYS_TRACING asks for it. Where spans go, and how many are kept, say OpenTelemetry's own
variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER and the rest). An attribute is a word of ours, a number, or
the text of a statement, whose values stand elsewhere: never a path, a header, an address or whatever somebody sent.
"""

import asyncio
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.database.engine import Database
from app.database.errors import error_name
from app.http.middleware import known_method, route_of
from app.mail.mailer import MailDeferred, Mailer, MailRefused

_UNTRACED = frozenset({"/healthz", "/readyz", "/metrics"})
_SERVER_ERROR = 500
# What a collector that has gone may cost a process that ends; spans that are left then are lost.
_FLUSH_SECONDS = 2.0
_BILLION = 1_000_000_000


def _resource() -> Resource:
    found = Resource.create()
    named = not str(found.attributes.get(SERVICE_NAME, "")).startswith("unknown_service")
    return found if named else found.merge(Resource({SERVICE_NAME: "twokeys"}))


class Traces:
    """One for a process. What goes through it costs nothing of note unless a request is kept by the sampler."""

    def __init__(self) -> None:
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("twokeys")

    def requests_of(self, app: ASGIApp) -> "TracedRequests":
        return TracedRequests(app, self._tracer)

    def mails_of(self, mailer: Mailer) -> "TracedMailer":
        return TracedMailer(mailer, self._tracer)

    def watch(self, database: Database) -> None:
        """Statements reach the driver in two ways (ADR 12), and each tells of its own."""
        database.listen("connect", self._on_connect)
        database.listen("before_cursor_execute", self._before_statement)
        database.listen("after_cursor_execute", self._after_statement)
        database.listen("handle_error", self._on_error)

    async def close(self) -> None:
        """Sends what is left, unless that takes too long."""
        flushing = threading.Thread(target=self._provider.shutdown, daemon=True)
        flushing.start()
        await asyncio.to_thread(flushing.join, _FLUSH_SECONDS)

    def _on_connect(self, connection: Any, _record: Any) -> None:
        connection.driver_connection.add_query_logger(self._on_query)

    def _on_query(self, query: Any) -> None:
        """The driver's word on a statement that was handed to it, in the context of whoever did."""
        began_at = _now() - int(query.elapsed * _BILLION)
        self._note(query.query, began_at, query.exception)

    def _before_statement(self, *args: Any) -> None:
        _, _, statement, _, context, _ = args
        if context is not None and _is_kept():
            context.traced = (statement, _now())

    def _after_statement(self, *args: Any) -> None:
        _, _, _, _, context, _ = args
        self._end(context, None)

    def _on_error(self, error: Any) -> None:
        self._end(error.execution_context, error.original_exception)

    def _end(self, context: Any, error: BaseException | None) -> None:
        statement, began_at = getattr(context, "traced", (None, 0))
        if statement is not None:
            self._note(statement, began_at, error)

    def _note(self, statement: str, began_at: int, error: BaseException | None) -> None:
        if not _is_kept():
            return
        words = statement.split()
        operation = words[0].rstrip(";")
        attributes = {"db.system.name": "postgresql", "db.operation.name": operation, "db.query.text": " ".join(words)}
        span = self._tracer.start_span(
            operation, kind=SpanKind.CLIENT, attributes=attributes, start_time=began_at, record_exception=False
        )
        if error is not None:
            _fail(span, error_name(error))
        span.end()


@dataclass(frozen=True)
class TracedRequests:
    """Stands outermost."""

    app: ASGIApp
    tracer: Tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _UNTRACED:
            await self.app(scope, receive, send)
            return
        status = 0

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self.tracer.start_as_current_span(
            "request",
            context=_parent(Headers(scope=scope)),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                await self.app(scope, receive, send_noting)
            finally:
                _describe(span, scope, status)


def _parent(headers: Headers) -> Context | None:
    """Whose request this is a part of. Its `tracestate` and baggage may hold anything and are left where they are."""
    parent = headers.get("traceparent")
    return TraceContextTextMapPropagator().extract({"traceparent": parent}) if parent else None


def _describe(span: Span, scope: Scope, status: int) -> None:
    method, route = known_method(scope), route_of(scope)
    span.update_name(f"{method} {route}")
    span.set_attribute("http.request.method", method)
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    with suppress(KeyError):
        span.set_attribute("twokeys.request_id", scope["state"]["request_id"])
    if status >= _SERVER_ERROR or not status:
        _fail(span, str(status) if status else "unanswered")


@dataclass(frozen=True)
class TracedMailer:
    mailer: Mailer
    tracer: Tracer

    async def send(self, message: EmailMessage) -> None:
        """Raises what the mailer raises, whose words hold no address."""
        with self.tracer.start_as_current_span(
            "send mail", kind=SpanKind.CLIENT, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                await self.mailer.send(message)
            except (MailRefused, MailDeferred) as error:
                _fail(span, f"{type(error).__name__}: {error}")
                raise


def _fail(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def _is_kept() -> bool:
    """Whether this belongs to a request that is. The worker's rounds, one a second, belong to none.

    The request may have ended when the driver tells of its COMMIT.
    """
    return get_current_span().get_span_context().trace_flags.sampled


def _now() -> int:
    """Nanoseconds, as spans count them; they show when things happened and decide nothing."""
    return time.time_ns()  # noqa: TID251
