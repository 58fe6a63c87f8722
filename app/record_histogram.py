"""A histogram that takes many values at once."""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from app.catalogue import MetricInfo

# Below this many values a plain loop is faster than NumPy's calls.
FEW = 16


class RecordHistogram(Collector):
    """A histogram that takes a whole array at once: one `observe` per record would cost more than the record itself."""

    def __init__(self, info: MetricInfo, buckets: Sequence[float]) -> None:
        self._info = info
        self._limits = list(buckets)
        self._bounds = np.asarray(buckets)
        self._counts = np.zeros(len(buckets) + 1, dtype=np.int64)
        self._sum = 0.0
        self._exemplars: dict[int, Exemplar] = {}

    def observe(self, values: Sequence[float]) -> None:
        """Count all of *values*."""
        if len(values) < FEW:
            for value in values:
                self._counts[bisect_left(self._limits, value)] += 1
            self._sum += sum(values)
            return
        places = np.searchsorted(self._bounds, np.asarray(values, np.float64))
        self._counts += np.bincount(places, minlength=len(self._counts))
        self._sum += sum(values)

    def exemplify(self, value: float, trace_id: str) -> None:
        """Let a *value* that was counted stand for its bucket, with the trace that tells of it, until the next one."""
        self._exemplars[bisect_left(self._limits, value)] = Exemplar({"trace_id": trace_id}, value, time.time())

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Yield the family without counts, so that it can be asked for by name."""
        yield HistogramMetricFamily(self._info.name, self._info.meaning)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the one family, with cumulated counts."""
        cumulated = self._counts.cumsum().tolist()
        bounds = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        family = HistogramMetricFamily(self._info.name, self._info.meaning)
        buckets: list[Any] = list(zip(bounds, cumulated, strict=True))
        for place, exemplar in self._exemplars.items():
            buckets[place] = (*buckets[place], exemplar)
        family.add_metric([], buckets, self._sum)
        yield family
