"""A receiver of OTLP over HTTP: it keeps the spans that it is sent, or behaves as badly as it is told to."""

import gzip
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

PATH = "/v1/traces"


@dataclass(frozen=True)
class Span:
    """A span as it came over the wire; ids in hex, an empty parent for none."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[tuple[str, str], ...]
    attributes: dict[str, Any]
    resource: dict[str, Any]
    failed: str | None
    start: int
    end: int

    @classmethod
    def of(cls, span: ProtoSpan, resource: dict[str, Any]) -> Self:
        return cls(
            name=span.name,
            kind=ProtoSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
            attributes=_plain(span.attributes),
            resource=resource,
            failed=span.status.message if span.status.code == span.status.STATUS_CODE_ERROR else None,
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
        )

    @property
    def word(self) -> str:
        """The first word of its name."""
        return self.name.partition(" ")[0]


class Receiver:
    """Listens from `with` on.

    Args:
        status: of every answer.
        hangs: whether it takes requests and never answers; released when it is closed.
    """

    def __init__(self, *, status: int = 200, hangs: bool = False) -> None:
        self._status = status
        self._hangs = hangs
        self._spans: list[Span] = []
        self._asked = 0
        self._over = threading.Event()
        self._came = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def variables(self) -> dict[str, str]:
        """What tells a service to send its spans here, soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def spans(self) -> list[Span]:
        """Those that came, in the order of their begin."""
        with self._came:
            return sorted(self._spans, key=lambda span: span.start)

    def wait_for(self, condition: Callable[[list[Span]], bool], within: float = 30) -> list[Span]:
        """Return the spans once *condition* holds of them."""
        with self._came:
            assert self._came.wait_for(lambda: condition(self._spans), within), f"not within {within} s: {self._spans}"
        return self.spans

    def wait_until_asked(self, within: float = 30) -> None:
        """Return when somebody has sent something."""
        with self._came:
            assert self._came.wait_for(lambda: self._asked > 0, within), f"nobody came within {within} s"

    def _take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._came:
            self._asked += 1
            if self._status == 200:
                for each in request.resource_spans:
                    resource = _plain(each.resource.attributes)
                    self._spans += [Span.of(span, resource) for scope in each.scope_spans for span in scope.spans]
            self._came.notify_all()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path == PATH:
                    receiver._take(body)
                if receiver._hangs:
                    receiver._over.wait()
                self.send_response(receiver._status if self.path == PATH else 404)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing."""

        return Handler


def _plain(attributes: Any) -> dict[str, Any]:
    def value(pair: KeyValue) -> Any:
        return getattr(pair.value, str(pair.value.WhichOneof("value")))

    return {pair.key: value(pair) for pair in attributes}
