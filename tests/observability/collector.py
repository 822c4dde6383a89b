"""A collector for OpenTelemetry (OTLP over HTTP) that keeps all that it is sent, and reads the traces of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class SpanSeen:
    name: str
    trace: bytes
    id: bytes
    parent: bytes
    failed: bool
    attributes: dict[str, str]
    state: str


@dataclass
class Collector:
    url: str = ""
    received: list[tuple[str, bytes]] = field(default_factory=list)
    """Path and body."""

    def _requests(self) -> Iterator[Any]:
        for body in [body for path, body in self.received if path == "/v1/traces"]:
            request = ExportTraceServiceRequest()
            request.ParseFromString(body)
            yield from request.resource_spans

    @property
    def services(self) -> set[str]:
        return {
            each.value.string_value
            for spans in self._requests()
            for each in spans.resource.attributes
            if each.key == "service.name"
        }

    @property
    def spans(self) -> list[SpanSeen]:
        return [
            SpanSeen(
                span.name,
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                span.status.code == span.status.STATUS_CODE_ERROR,
                {each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes},
                span.trace_state,
            )
            for spans in self._requests()
            for scope in spans.scope_spans
            for span in scope.spans
        ]

    @contextmanager
    def running(self) -> Iterator["Collector"]:
        kept = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                kept.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            serving.start()
            try:
                yield self
            finally:
                server.shutdown()
                serving.join()
