"""Which records are traced, as `OTEL_TRACES_SAMPLER` says; asked for every record, so it costs next to nothing."""

from random import getrandbits

from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    TraceIdRatioBased,
)

from app.tracing.headers import Brought
from app.tracing.wanted import SAMPLERS

_TRACE_ID_BITS = 128
# The half of the id that the SDK goes by: all who sample at one rate choose the same traces.
_LOW = (1 << 64) - 1


class Choice:
    """What the SDK's sampler would decide, without the objects that it makes for each decision.

    Args:
        sampler: one of the six that the environment can ask for (`app.tracing.wanted.SAMPLERS`).

    Attributes:
        follows: whether a trace goes on here if, and only if, its producer traces it.

    Raises:
        ValueError: it is another one, and nobody knows what that would decide.
    """

    def __init__(self, sampler: Sampler) -> None:
        self.follows = type(sampler) in {ParentBased, ParentBasedTraceIdRatio}
        # The SDK shows it to nobody else.
        root = getattr(sampler, "_root", None) if self.follows else sampler
        if type(root) is TraceIdRatioBased:
            self._below = root.bound
        elif root is ALWAYS_ON or root is ALWAYS_OFF:
            self._below = 0 if root is ALWAYS_OFF else _LOW + 1
        else:
            allowed = ", ".join(SAMPLERS)
            raise ValueError(f"OTEL_TRACES_SAMPLER gives {sampler.get_description()}: must be one of {allowed}")

    @property
    def begins_traces(self) -> bool:
        """Whether any record is traced that brings no context."""
        return self._below > 0

    def draw(self) -> int | None:
        """Return the id of a new trace for a record that brings no context; None: it is not traced."""
        drawn = getrandbits(_TRACE_ID_BITS)
        # 0 stands for no trace at all.
        return drawn if drawn & _LOW < self._below and drawn else None

    def goes_on(self, there: Brought) -> bool:
        """Whether a record is traced that comes with a context."""
        return there.sampled if self.follows else there.trace_id & _LOW < self._below
