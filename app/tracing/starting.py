"""Begin to trace, if that is asked for."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.errors import StartFailed
from app.tracing.wanted import wanted

if TYPE_CHECKING:
    from app.tracing.tracing import Tracing

logger = logging.getLogger(__name__)

_LINKS = "OTEL_SPAN_LINK_COUNT_LIMIT"
_FEWEST_LINKS = 128


def start_tracing(environ: Mapping[str, str], *, group: str, batch_rows: int) -> "Tracing | None":
    """Return the worker's tracing; None: *environ*, which is the process's, does not ask for it.

    Args:
        environ: the environment.
        group: the consumer group.
        batch_rows: most rows in a batch.

    Raises:
        StartFailed: it is asked for and cannot be had.
    """
    if (asked := wanted(environ)) is None:
        return None
    try:
        from opentelemetry.sdk.trace import SpanLimits, TracerProvider

        from app.tracing.exporting import processor, resource
        from app.tracing.tracing import Tracing
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise StartFailed(
            f"{asked} asks for traces, and the packages for them are not installed: pip install 'streamrank[otel]', "
            "or set OTEL_SDK_DISABLED=true"
        ) from error
    try:
        # The SDK's default loses links of batches of more than 128 records.
        limits = SpanLimits(max_links=None if environ.get(_LINKS) else max(batch_rows, _FEWEST_LINKS))
        # Only a provider reads the variables of the sampler.
        sampler = TracerProvider(shutdown_on_exit=False).sampler
        tracing = Tracing(processor(), resource(), sampler, limits=limits, group=group)
    except ValueError as error:
        raise StartFailed(f"the OTEL_* variables do not fit: {error}") from error
    logger.info("tracing", extra={"asked_by": asked, "sampler": sampler.get_description()})
    return tracing
