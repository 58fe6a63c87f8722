"""One run of the benchmark from the broker's start to the last figure."""

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks import latency, memory, model, outage, page, races, startup, steps, swaps, throughput
from benchmarks.cluster import apache_kafka
from benchmarks.contenders import Contender, Stage
from benchmarks.load import Kind
from benchmarks.plan import LATENCY_CONTENDERS, RACES_CONTENDERS, THROUGHPUT_CONTENDERS, Part, Plan, order
from benchmarks.progress import Progress
from benchmarks.results import Results

_WARM_UP_RECORDS = 50_000
# Of races: topics of state, and producers of their kind, are new to the broker too.
_WARM_UP_PACE = latency.Pace(rate=1000, warm_up_s=1, seconds=4)


class Session:
    """Measures what a plan asks for, on a broker and with a model of its own.

    Args:
        progress: is told every step.
    """

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self._plan = plan
        self._progress = progress
        self._results = Results()

    def run(self) -> Results:
        """Return all figures.

        Raises:
            KafkaUnavailable: this machine cannot run Apache Kafka.
            BenchmarkFailed: a contender did not do its work.
        """
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="streamrank-bench-")))
            if set(self._plan.parts) - {Part.TARGET}:
                self._prepare(stack, folder)
            for turn in range(self._plan.runs):
                self._round(turn)
            if Part.MEMORY in self._plan.parts:
                self._measure_memory()
            if Part.START in self._plan.parts:
                self._measure_start()
            if Part.SWAPS in self._plan.parts:
                self._measure_swaps(folder / "versions")
            if Part.OUTAGE in self._plan.parts:
                for conflated in (True, False):
                    self._measure_outage(conflated=conflated)
            if Part.PAGE in self._plan.parts:
                self._measure_page()
            if Part.TARGET in self._plan.parts:
                self._measure_target(folder / "heavy")
        return self._results

    def _prepare(self, stack: ExitStack, folder: Path) -> None:
        self._progress.begin("a broker and a model")
        cluster = stack.enter_context(apache_kafka(folder / "broker"))
        path, self._answers = model.prepare(folder, self._plan.hidden)
        self._stage = Stage(cluster, path, folder)
        # A cold JVM would make whoever comes first look slow.
        throughput.measure(self._stage, Contender.ECHO, _WARM_UP_RECORDS, self._answers)
        if Part.RACES in self._plan.parts:
            self._race(Contender.SERVICE, _WARM_UP_PACE)
        self._progress.finish("ready, the broker warmed up")

    def _round(self, turn: int) -> None:
        name = f"round {turn + 1} of {self._plan.runs}"
        if Part.THROUGHPUT in self._plan.parts:
            for contender in order(THROUGHPUT_CONTENDERS, turn):
                self._measure_throughput(contender, name)
        if Part.LATENCY in self._plan.parts:
            for contender in order(LATENCY_CONTENDERS, turn):
                self._measure_latency(contender, name)
        if Part.RACES in self._plan.parts:
            for contender in order(RACES_CONTENDERS, turn):
                self._measure_races(contender, name)

    def _measure_throughput(self, contender: Contender, name: str) -> None:
        records = self._plan.backlog(contender)
        self._progress.begin(f"{name}, throughput, {contender.full_name}")
        got = throughput.measure(self._stage, contender, records, self._answers)
        self._results.throughput.setdefault(contender, []).append(got)
        self._progress.finish(
            f"{got.records_per_second:,.0f} records/s, {got.cpu_microseconds_per_record:.1f} us of CPU a record"
        )

    def _measure_latency(self, contender: Contender, name: str) -> None:
        self._progress.begin(f"{name}, latency, {contender.full_name}")
        got = latency.measure(self._stage, contender, self._plan.pace)
        self._results.latency.setdefault(contender, []).append(got)
        self._progress.finish(f"p50 {got.p50_ms:.2f} ms, p99 {got.p99_ms:.2f} ms")

    def _measure_races(self, contender: Contender, name: str) -> None:
        self._progress.begin(f"{name}, races, {contender.full_name}")
        got = self._race(contender, self._plan.pace)
        self._results.races.setdefault(contender, []).append(got)
        self._progress.finish(f"p50 {got.p50_ms:.2f} ms, p99 {got.p99_ms:.2f} ms")

    def _race(self, contender: Contender, pace: latency.Pace) -> latency.Latency:
        # Every record is to publish its ranking here, also where several come at once.
        variables = {**self._stage.variables, **races.VARIABLES, "STANDINGS_CONFLATE": "false"}
        stage = replace(self._stage, model_path=races.model(), variables=variables)
        return latency.measure(stage, contender, pace, Kind.RACES)

    def _measure_outage(self, *, conflated: bool) -> None:
        self._progress.begin(f"nobody ranks for {self._plan.stopped_s:.0f} s, {'' if conflated else 'not '}conflated")
        got = outage.measure(self._stage, conflated=conflated, stopped_s=self._plan.stopped_s)
        self._results.outages.append(got)
        self._progress.finish(f"current {got.current_s:.2f} s after ready, {got.waiting:,} records waited")

    def _measure_memory(self) -> None:
        for records in self._plan.memory_records:
            self._progress.begin(f"memory, {records:,} waiting records")
            got = memory.measure(self._stage, records)
            self._results.memory.append(got)
            self._progress.finish(f"{got.peak_rss_mib:,.0f} MiB at most")

    def _measure_start(self) -> None:
        for turn in range(self._plan.starts):
            self._progress.begin(f"start {turn + 1} of {self._plan.starts}")
            got = startup.measure(self._stage)
            self._results.start.append(got)
            self._progress.finish(f"ready after {got.ready:.2f} s, {got.own:.2f} s of it the project's own")

    def _measure_swaps(self, folder: Path) -> None:
        self._progress.begin(f"{self._plan.versions} versions of the model come in")
        paths, answers = model.prepare_versions(folder / "waiting", self._plan.versions + 1, self._plan.hidden)
        shelf = folder / model.NAME
        shelf.mkdir()
        paths[0].rename(shelf / paths[0].name)
        got = swaps.measure(self._stage, shelf, paths[1:], answers)
        self._results.swaps.append(got)
        self._progress.finish(f"p99 {got.during_p99_ms:.1f} ms meanwhile, {got.outside_p99_ms:.1f} ms at other times")

    def _measure_page(self) -> None:
        self._progress.begin(f"pages are opened and closed while {self._plan.page_records:,} records are ranked")
        self._results.page += page.measure(self._stage, self._plan.page_records, self._answers)
        self._progress.finish(f"{len(self._results.page)} windows, half of them with {page.PAGES} pages")

    def _measure_target(self, folder: Path) -> None:
        path, _ = model.prepare(folder, self._plan.trial.hidden)
        for turn in range(self._plan.runs):
            self._progress.begin(f"a load that rises and falls, round {turn + 1} of {self._plan.runs}")
            got = steps.measure(path, replace(self._plan.trial, seed=turn))
            self._results.target.append(got)
            highest = max(tails[steps.TARGET] for tails in got.p99_ms)
            self._progress.finish(f"p99 {highest:.1f} ms at most, wanted {steps.TARGET_MS:g} ms")


def count_steps(plan: Plan) -> int:
    """How many steps a session of *plan* has."""
    counts = {
        Part.THROUGHPUT: plan.runs * len(THROUGHPUT_CONTENDERS),
        Part.LATENCY: plan.runs * len(LATENCY_CONTENDERS),
        Part.MEMORY: len(plan.memory_records),
        Part.START: plan.starts,
        Part.SWAPS: 1,
        Part.RACES: plan.runs * len(RACES_CONTENDERS),
        Part.OUTAGE: 2,
        Part.PAGE: 1,
        Part.TARGET: plan.runs,
    }
    return bool(set(plan.parts) - {Part.TARGET}) + sum(counts[part] for part in plan.parts)
