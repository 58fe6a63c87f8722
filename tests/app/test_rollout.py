"""What decides which version ranks, told what becomes of records; `test_versions` has it with real models."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from app.errors import ModelFailed, Reason, RejectedRecord
from app.limit import BatchLimit
from app.outcome import Outcome
from app.ranker import Ranker
from app.rankers import make_ranker
from app.recent import Recent
from app.rollout import Rollout, _Predecessor
from app.tryout import Tryout
from config.settings import load_settings
from models.numpy_model import NumpyModel
from models.predictor import Predictor
from tests.app.alone import nothing_beside
from tests.app.chunks import chunk, record, row

SETTINGS = load_settings(
    {"INPUT_TOPIC": "in", "OUTPUT_TOPIC": "out", "MODEL_PATH": "model", "BATCH_MAX_SIZE": "64"}, env_file=None
)
REFUSED = RejectedRecord(Reason.MODEL_ERROR, "the model refuses this record")
MALFORMED = RejectedRecord(Reason.INVALID_JSON, "no JSON")


class Told:
    """An observer that remembers what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.rows: Counter[tuple[str, str]] = Counter()

    def model_loaded(self, predictor: Predictor) -> None:
        self.events.append(("loaded", predictor.version))

    def model_serves(self, predictor: Predictor) -> None:
        self.events.append(("serves", predictor.version))

    def model_refused(self, outcome: str) -> None:
        self.events.append(("refused", outcome))

    def model_ranked(self, role: str, outcome: str, rows: int) -> None:
        self.rows[role, outcome] += rows


def ranker(version: str, largest_batch: int | None = None) -> Ranker:
    model = NumpyModel()
    model.version, model.largest_batch = version, largest_batch
    return make_ranker(SETTINGS, model)


class Rig:
    """Version 2 on probation after version 1."""

    def __init__(self, share_before: float = 0.0) -> None:
        self.told, self.limit = Told(), BatchLimit(64)
        self.before, self.now = ranker("1"), ranker("2", largest_batch=8)
        self.tryout = Tryout(SETTINGS, self._load, self.told)
        beside = nothing_beside(self.tryout, self.told)
        self.rollout = Rollout(
            SETTINGS, self.now, tryout=self.tryout, beside=beside, limit=self.limit, observer=self.told
        )
        self.rollout._predecessor = _Predecessor(self.before, share_before, float("inf"))

    def _load(self, _: Any) -> Any:
        raise AssertionError("nothing is to be loaded")

    def tell(self, outcomes: Sequence[Outcome], by: Ranker | None = None) -> None:
        records = chunk(*(record(place, row(f"r{place}", 1, 2, 3, 4)) for place in range(len(outcomes))))
        self.rollout.ranked(records, outcomes, by or self.now)


async def test_batches_follow_what_a_version_takes() -> None:
    rig = Rig()
    assert rig.limit.rows == 8
    rig.tell([REFUSED] * 20)
    assert rig.limit.rows == 64


@pytest.mark.parametrize(
    ("before", "outcomes", "goes_back"),
    [
        (0.0, [REFUSED] * 20, True),
        (0.0, [REFUSED] * 2 + [b"{}"] * 18, True),
        (0.0, [REFUSED] + [b"{}"] * 19, False),
        (0.0, [REFUSED] * 19, False),
        (0.5, [REFUSED] * 11 + [b"{}"] * 9, False),
        (0.5, [REFUSED] * 12 + [b"{}"] * 8, True),
        (0.0, [MALFORMED] * 20, False),
        (0.0, [b"{}"] * 20, False),
    ],
)
async def test_a_version_goes_back_when_it_refuses_more_than_the_one_before(
    before: float, outcomes: list[Outcome], goes_back: bool
) -> None:
    rig = Rig(before)
    rig.tell(outcomes)
    assert (rig.rollout.current is rig.before) == goes_back
    assert rig.told.events == ([("refused", "rolled_back"), ("serves", "1")] if goes_back else [])
    refused, ranked = outcomes.count(REFUSED), outcomes.count(b"{}")
    assert rig.told.rows == Counter({("serving", "refused"): refused, ("serving", "ranked"): ranked})
    assert (rig.rollout.status()["refused"].keys() == {"2"}) == goes_back
    assert rig.rollout.newer_refused == goes_back


async def test_refused_versions_count_as_newer_only_where_they_are_and_the_newest_is_wanted() -> None:
    rig = Rig()
    for number in (1, 3, 5):
        rig.tryout.refuse(number, (), "bad", outcome="failed")
    assert rig.rollout.newer_refused == 2
    pinned = SETTINGS.model.model_copy(update={"version": "2"})
    rig.rollout._settings = SETTINGS.model_copy(update={"model": pinned})
    assert rig.rollout.newer_refused == 0


async def test_what_another_version_was_still_doing_does_not_count() -> None:
    rig = Rig()
    rig.tell([REFUSED] * 20, by=rig.before)
    assert rig.rollout.current is rig.now


async def test_a_version_that_is_at_fault_itself_goes_back_and_its_records_with_it() -> None:
    rig = Rig()
    assert rig.rollout.instead_of(rig.now, ModelFailed("internal")) is rig.before
    assert rig.rollout.status()["refused"] == {"2": "internal"}
    # Chunks that the other had begun with go the same way; and where there is none before, the fault stays one.
    assert rig.rollout.instead_of(rig.now, ModelFailed("internal")) is rig.before
    assert rig.rollout.instead_of(rig.before, ModelFailed("internal")) is None


async def test_the_process_that_tries_versions_is_started_once_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    rig, started = Rig(), asyncio.Event()

    async def get_ready() -> None:
        started.set()

    monkeypatch.setattr(rig.tryout, "get_ready", get_ready)
    running = asyncio.create_task(rig.rollout.run())
    async with asyncio.timeout(30):
        while rig.rollout.trouble is None:  # there is no such folder: it has looked
            await asyncio.sleep(0.001)
        assert not started.is_set()
        rig.rollout.has_time()
        await started.wait()
    running.cancel()
    await asyncio.wait([running])


def test_the_values_of_what_was_ranked_lately_are_kept_within_bounds() -> None:
    recent = Recent()
    for number in range(100):
        recent.note(b"%d" % number)
    assert recent.values() == [b"%d" % number for number in range(36, 100)]
    recent.note(b"x" * 2**20)
    assert recent.values() == [b"x" * 2**20]
    recent.note(b"y")
    assert recent.values() == [b"y"]
