"""Ids of new traces and spans."""

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator


class Ids(RandomIdGenerator):
    """Random ones; the next trace may be given the id that was drawn when its record was chosen.

    Attributes:
        drawn: that id; None once it is used.
    """

    def __init__(self) -> None:
        self.drawn: int | None = None

    def generate_trace_id(self) -> int:
        """Return the id of a new trace."""
        drawn, self.drawn = self.drawn, None
        return super().generate_trace_id() if drawn is None else drawn
