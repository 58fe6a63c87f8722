"""What spans say of a failure: its kind and nothing else."""

from opentelemetry.trace import Span, StatusCode


def failed(span: Span, kind: str) -> None:
    """Let *span* be an error of *kind*: the name of a class or of a reason, and never a text, which may hold values."""
    span.set_status(StatusCode.ERROR, kind)
    span.set_attribute("error.type", kind)
