"""`BATCH_TARGET_LATENCY_MS` beside fixed batch sizes, under a load that rises and falls; Kafka takes no part.

Batcher, scorer and SavedModel are the service's own. Open loop: blocks of rows are handed over at Poisson times,
whatever becomes of those before. Latency counts from there until the block's scores are there, in the time of
`own_time`: on a machine with neighbours their work would decide the p99, not the sizes. In a process of its own, which
imports TensorFlow: `python -m benchmarks.steps PATH TRIAL`.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from app.assembly import load_predictor, make_target
from app.batching import Batcher
from app.catch_up import CatchUp
from app.limit import BatchLimit
from app.scoring import Rows, Scored, Scorer
from benchmarks.errors import BenchmarkFailed
from benchmarks.folders import ROOT
from benchmarks.own_time import Core, OwnTime
from benchmarks.records import feature_rows
from config.settings import Settings, load_settings
from models.predictor import Predictor

TARGET_MS = 20.0
TARGET = 0
"""Stands for the learned size among the fixed ones."""

_BLOCK = 8
_BLOCKS_AT_ONCE = 256
_SETTLE = 0.2


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried.

    Attributes:
        loads: offered one after the other, as shares of what the best size does when it never waits for rows.
        sizes: the fixed ones.
        seconds: how long each size has each load.
        hidden: the widths of the model's layers; heavy enough that sizes differ.
        seed: of the arrivals, which are the same for all sizes: they decide a p99 more than the sizes do.
    """

    loads: tuple[float, ...] = (0.1, 0.4, 0.6, 0.7, 0.8, 0.9, 0.85, 0.75, 0.5, 0.1)
    sizes: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
    seconds: float = 1.5
    hidden: tuple[int, ...] = (2048, 2048)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Steps:
    """The figures of one round.

    Attributes:
        saturated: rows per second of each size when rows always wait; 0 is the learned one.
        offered: rows per second of each load.
        p99_ms: by load, then by size; without the sizes that do less than is offered.
    """

    saturated: dict[int, float]
    offered: list[float]
    p99_ms: list[dict[int, float]]


def measure(model: Path, trial: Trial) -> Steps:
    """Measure one round.

    Raises:
        BenchmarkFailed: the process that measures failed.
    """
    command = [sys.executable, "-m", "benchmarks.steps", str(model), json.dumps(asdict(trial))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkFailed(f"the load that rises and falls failed:\n{done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Steps(_numbered(said["saturated"]), said["offered"], [_numbered(each) for each in said["p99_ms"]])


def _numbered(by_size: dict[str, float]) -> dict[int, float]:
    return {int(size): value for size, value in by_size.items()}


def tails(runs: Sequence[Steps], of_rounds: Callable[[Iterable[float]], float] = median) -> list[dict[int, float]]:
    """The p99 of each load by size, the median *of_rounds*; without the sizes that did too little in any."""
    return [
        {size: of_rounds(each[size] for each in rounds) for size in rounds[0] if all(size in each for each in rounds)}
        for rounds in zip(*(run.p99_ms for run in runs), strict=True)
    ]


class Bench:
    """One model with a batcher for each size."""

    def __init__(self, settings: Settings, predictor: Predictor, core: Core, sizes: Sequence[int]):
        self._predictor = predictor
        self._features = feature_rows().astype(np.float32)
        self._arrivals = random.Random()  # noqa: S311 - no secret
        self._picks = random.Random()  # noqa: S311 - no secret
        self._batchers = {size: _batcher(settings, core, size) for size in (TARGET, *sizes)}

    async def saturated(self, size: int, seconds: float) -> float:
        """Rows per second when rows always wait."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        rows = 0

        async def again() -> None:
            nonlocal rows
            while clock() < end:
                done = await self._submit(size, _BLOCK)
                rows += done

        await asyncio.gather(*(again() for _ in range(_BLOCKS_AT_ONCE)))
        return rows / (clock() - end + seconds)

    async def p99_ms(self, size: int, rate: float, seconds: float, seed: int) -> float:
        """The latency that one row in a hundred exceeds, at *rate* rows per second that arrive as *seed* says."""
        self._arrivals.seed(seed)
        clock = asyncio.get_running_loop().time
        begin = due = clock()
        taken: list[tuple[float, int]] = []

        async def one(rows: int, counts: bool) -> None:
            handed = clock()
            await self._submit(size, rows)
            if counts:
                taken.append((clock() - handed, rows))

        async with asyncio.TaskGroup() as group:
            while (due := due + self._arrivals.expovariate(rate / _BLOCK)) < begin + seconds:
                await asyncio.sleep(max(0.0, due - clock()))
                counts = due > begin + _SETTLE * seconds
                group.create_task(one(self._arrivals.randint(1, 2 * _BLOCK - 1), counts))
        return 1000 * _weighted_p99(taken)

    async def _submit(self, size: int, rows: int) -> int:
        start = self._picks.randrange(len(self._features) - rows)
        columns = {"features": self._features[start : start + rows]}
        await self._batchers[size].submit(Rows(columns, self._predictor), rows=rows, nbytes=rows)
        return rows


def _batcher(settings: Settings, core: Core, size: int) -> Batcher[Rows, Scored]:
    batch = settings.batch
    limit = BatchLimit(size or batch.max_size)
    return Batcher(
        Scorer(core, lambda _: None, limit=limit),
        limit=limit,
        max_in_flight=batch.max_in_flight,
        max_rows=batch.in_flight_max_records,
        max_bytes=batch.in_flight_max_bytes,
        target=None if size else make_target(settings, CatchUp(0)),
    )


def _weighted_p99(taken: Sequence[tuple[float, int]]) -> float:
    seconds, rows = np.array([each for each, _ in taken]), np.array([rows for _, rows in taken])
    order = np.argsort(seconds)
    reached: npt.NDArray[Any] = np.cumsum(rows[order])
    return float(seconds[order][np.searchsorted(reached, 0.99 * reached[-1])])


async def run(bench: Bench, trial: Trial) -> Steps:
    """Measure every size at every load, taking turns."""
    everyone = (*trial.sizes, TARGET)
    await bench.saturated(TARGET, trial.seconds)
    saturated = {size: await bench.saturated(size, trial.seconds) for size in everyone}
    best = max(rate for size, rate in saturated.items() if size != TARGET)
    tails = []
    for turn, load in enumerate(trial.loads):
        able = [size for size in everyone if size == TARGET or saturated[size] > load * best]
        seed = 1000 * trial.seed + turn
        able = able[turn % len(able) :] + able[: turn % len(able)]
        tails.append({size: await bench.p99_ms(size, load * best, trial.seconds, seed) for size in able})
    return Steps(saturated, [load * best for load in trial.loads], tails)


def main(model: str, trial: Trial) -> None:
    """Measure, then print the figures."""
    asked = {"MODEL_PATH": model, "INPUT_TOPIC": "in", "OUTPUT_TOPIC": "out", "RANK_TOP_K": "3"}
    asked |= {"BATCH_TARGET_LATENCY_MS": str(TARGET_MS), "MODEL_INTRA_OP_THREADS": "1", "BATCH_MAX_IN_FLIGHT": "1"}
    settings = load_settings({**asked, **os.environ}, env_file=None)
    predictor = load_predictor(settings)
    loop = OwnTime()
    bench = Bench(settings, predictor, Core(loop), trial.sizes)
    print(json.dumps(asdict(loop.run_until_complete(run(bench, trial)))))


if __name__ == "__main__":
    main(sys.argv[1], Trial(**json.loads(sys.argv[2])))
