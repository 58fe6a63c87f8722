"""Which keys are the canary's, and what becomes of its faults."""

import asyncio
import uuid
from collections.abc import Sequence
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.canary import Canary
from app.errors import ModelFailed
from app.patrol import Patrol
from app.tally import Tally
from models.numpy_model import NumpyModel
from tests.app.chunks import chunk, record


def canary(share: float, ranking: Any = None, calling: float = 0.0, **options: Any) -> Canary:
    ranker = SimpleNamespace(predictor=NumpyModel())
    return Canary(cast(Any, ranker), ranking, Patrol(lambda: calling, 1.0), share=share, **options)


def taken(share: float, keys: Sequence[bytes | None]) -> set[bytes | None]:
    records = chunk(*(record(offset, key=key) for offset, key in enumerate(keys)))
    return {keys[place] for place in canary(share).places(records)}


RANDOM = Random(7)
EARLY = [b"23", b"27", b"33", b"37", b"62", b"66", b"72", b"81", b"85", b"89", b"99"]
KEYS = {
    "numbers": [b"%d" % number for number in range(20_000)],
    "padded numbers": [b"%08d" % number for number in range(20_000)],
    "names": [b"race-%d/horse-%d" % (number // 16, number % 16) for number in range(20_000)],
    "binary": [number.to_bytes(8) for number in range(20_000)],
    "uuids": [str(uuid.UUID(int=RANDOM.getrandbits(128))).encode() for _ in range(20_000)],
}


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("kind", KEYS)
def test_the_canary_gets_its_share_of_whatever_keys_there_are(kind: str, share: float) -> None:
    assert len(taken(share, KEYS[kind])) == pytest.approx(share * len(KEYS[kind]), rel=0.15)


def test_a_key_is_always_on_the_same_side_and_a_larger_share_only_adds_keys() -> None:
    keys = KEYS["names"]
    small, larger = taken(0.1, keys), taken(0.2, keys)
    assert small < larger
    assert taken(0.1, keys[::-1]) == small
    # Also tomorrow, and on another machine.
    assert sorted(taken(0.1, KEYS["numbers"][:100])) == EARLY


def test_no_share_is_nobody_and_the_whole_is_everybody() -> None:
    assert taken(0.0, KEYS["numbers"]) == set()
    assert taken(1.0, KEYS["numbers"]) == set(KEYS["numbers"])


@pytest.mark.parametrize("key", [None, b""])
def test_records_without_a_key_are_shared_out_by_where_they_are(key: bytes | None) -> None:
    records = [record(offset, key=key) for offset in range(10_000)]
    places = canary(0.2).places(chunk(*records))
    assert len(places) == pytest.approx(2_000, rel=0.1)
    assert canary(0.2).places(chunk(*records[5_000:])) == [place - 5_000 for place in places if place >= 5_000]


class Failing:
    """A way through a model that raises, or does not end."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def rank(self, *_: Any) -> Any:
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModelFailed("internal"), "internal"),
        (KeyError("x"), "'x'"),
        (RuntimeError(), "RuntimeError"),
        (None, "a call of it has not returned for 2.0 s"),
    ],
)
async def test_whatever_goes_wrong_in_it_is_the_canarys_own_fault(error: Exception | None, message: str) -> None:
    with pytest.raises(ModelFailed, match=f"^{message}$"):
        await canary(1.0, Failing(error), calling=2.0 if error is None else 0.0).rank([], "in-0")


async def test_one_that_leaves_gives_up_all_that_it_has_and_is_gone_then() -> None:
    gone: list[int] = []
    leaver = canary(1.0, Failing(None), on_gone=lambda: gone.append(1))
    ranking = [asyncio.ensure_future(leaver.rank([], "in-0")) for _ in range(2)]
    await asyncio.sleep(0)
    leaver.leave()
    assert not gone
    found = await asyncio.wait_for(asyncio.gather(*ranking, return_exceptions=True), 10)
    assert [str(each) for each in found] == ["it has left"] * 2
    assert gone == [1]


def test_what_is_long_ago_counts_less() -> None:
    tally = Tally()
    tally.note(19, 19)
    assert not tally.is_worse_than(0.0)
    tally.note(1, 1)
    assert tally.is_worse_than(0.94)
    assert not tally.is_worse_than(0.95)
    for _ in range(1_000):
        tally.note(100, 0)
    assert tally.share < 0.001
    for _ in range(6):
        tally.note(100, 100)
    assert tally.is_worse_than(0.0)
