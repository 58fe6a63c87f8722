"""Which records are traced, as `OTEL_TRACES_SAMPLER` says; asked for every record, so it costs next to nothing."""

from random import getrandbits

from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler, TraceIdRatioBased

from app.tracing.headers import Brought

_TRACE_ID_BITS = 128
# The half of the id that the SDK goes by: all who sample at one rate choose the same traces.
_LOW = (1 << 64) - 1


class Choice:
    """What the SDK's sampler would decide, without the objects that it makes for each decision.

    Args:
        sampler: one of those that the environment can ask for.

    Attributes:
        follows: whether a trace goes on here if, and only if, its producer traces it.
    """

    def __init__(self, sampler: Sampler) -> None:
        self.follows = isinstance(sampler, ParentBased)
        root = sampler._root if isinstance(sampler, ParentBased) else sampler
        if isinstance(root, TraceIdRatioBased):
            self._below = root.bound
        else:
            self._below = 0 if root is ALWAYS_OFF else _LOW + 1

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
