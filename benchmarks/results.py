"""All figures of one run of the benchmark."""

from dataclasses import dataclass, field

from benchmarks.contenders import Contender
from benchmarks.latency import Latency
from benchmarks.memory import Memory
from benchmarks.outage import Outage
from benchmarks.page import Window
from benchmarks.startup import Startup
from benchmarks.steps import Steps
from benchmarks.swaps import Swaps
from benchmarks.throughput import Throughput


@dataclass(slots=True)
class Results:
    """Raw figures; the lists hold one entry per round, in order, and stay empty where a part was not measured."""

    throughput: dict[Contender, list[Throughput]] = field(default_factory=dict)
    latency: dict[Contender, list[Latency]] = field(default_factory=dict)
    memory: list[Memory] = field(default_factory=list)
    start: list[Startup] = field(default_factory=list)
    swaps: list[Swaps] = field(default_factory=list)
    races: dict[Contender, list[Latency]] = field(default_factory=dict)
    outages: list[Outage] = field(default_factory=list)
    page: list[Window] = field(default_factory=list)
    target: list[Steps] = field(default_factory=list)
