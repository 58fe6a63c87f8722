"""A canary and a shadow beside the version that serves: real SavedModels, a real broker, and one process."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.canary import Canary
from tests.app.chunks import chunk, record
from tests.app.running import in_this_process
from tests.app.test_metrics import samples
from tests.app.test_versions import BAD, Serving, Shelf, outputs, serving, shelf
from tests.broker.topics import Topics
from tests.models.conftest import tf
from tests.models.test_remote import Bucket, bucket, s3

__all__ = ["bucket", "s3", "shelf", "tf"]

KEYS = [b"horse-%d" % number for number in range(40)]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)


@pytest.fixture
def shadow_topic(topics: Topics) -> Iterator[str]:
    name = topics.output + ".shadow"
    topics.client.create(name)
    yield name
    topics.client.delete(name)


def of_the_canary(share: float) -> set[int]:
    """Which of KEYS the canary ranks."""
    who: Any = None
    return set(
        Canary(who, who, who, share=share).places(chunk(*(record(place, key=key) for place, key in enumerate(KEYS))))
    )


def sample(run: Serving, *series: str) -> float:
    return samples(run.worker._metrics).get(series, 0)


def versions(run: Serving) -> dict[str, Any]:
    about: dict[str, Any] = run.health.status()["model"]["versions"]
    return about


async def test_a_canary_ranks_its_keys_from_the_first_record_on(topics: Topics, shelf: Shelf) -> None:
    shelf.put(2)
    theirs = of_the_canary(0.4)
    assert 5 < len(theirs) < 35
    async with serving(topics, shelf, MODEL_CANARY_VERSION="2", MODEL_CANARY_SHARE="0.4") as run:
        assert (run.version, versions(run)["canary"]["version"], versions(run)["canary"]["share"]) == ("1", "2", 0.4)
        for _ in range(2):
            await run.send(*[1.0] * 40, keys=KEYS)
        # A newer version takes over from the one that serves; the canary stays.
        shelf.put(3)
        await run.serves("3")
        await run.send(*[1.0] * 40, keys=KEYS)
        fingerprint = versions(run)["canary"]["fingerprint"]
        assert sample(run, "streamrank_model_beside_info", "cpu", fingerprint, "model", "canary", "2") == 1
        assert sample(run, "streamrank_model_rows_total", "ranked", "canary") == 3 * len(theirs)
        assert sample(run, "streamrank_model_rows_total", "ranked", "serving") == 3 * (40 - len(theirs))
        assert sample(run, "streamrank_model_call_seconds_count", "canary") > 0
    found = await asyncio.to_thread(outputs, topics)
    for place, (version, score) in found.items():
        others = "3" if place >= 80 else "1"
        assert (version, score) == (("2", 2.0) if place % 40 in theirs else (others, float(others)))
    assert len(found) == 120


async def test_a_canary_that_refuses_what_the_other_ranks_leaves_and_no_record_is_lost(
    topics: Topics, shelf: Shelf
) -> None:
    def picky(x: Any) -> dict[str, Any]:
        with shelf.tf.control_dependencies([shelf.tf.debugging.assert_less(x, 5.0)]):
            return {"scores": x * 2.0}

    shelf.put(2, picky)
    async with serving(topics, shelf, MODEL_CANARY_VERSION="2", MODEL_CANARY_SHARE="1") as run:
        await run.send(*[1.0] * 18, 7.0)
        assert versions(run)["canary"] is not None
        await run.send(7.0)
        await run.until(lambda: versions(run)["canary"] is None)
        await run.send(1.0)
        assert run.refused == {"2": "as the canary: it refuses 10% of 20 records that the version which serves ranks"}
        assert (run.loads("rolled_back"), run.count("dead_lettered")) == (1, 0)
        assert not any(series[0] == "streamrank_model_beside_info" for series in samples(run.worker._metrics))
        # It stays out until it changes.
        looked = run.health.rollout._look_at  # type: ignore[union-attr]
        await run.until(lambda: run.health.rollout._look_at > looked + 1)  # type: ignore[union-attr]
        assert versions(run)["canary"] is None
        shelf.remove(2)
        shelf.put(2)
        await run.until(lambda: versions(run)["canary"] is not None)
        await run.send(7.0)
    found = await asyncio.to_thread(outputs, topics)
    assert found == dict.fromkeys(range(18), ("2", 2.0)) | {
        18: ("1", 7.0),
        19: ("1", 7.0),
        20: ("1", 1.0),
        21: ("2", 14.0),
    }


@pytest.mark.parametrize("kind", ["truncated", "crashing on load"])
async def test_a_canary_that_cannot_be_had_is_reported_and_the_worker_serves_without_it(
    kind: str, topics: Topics, shelf: Shelf
) -> None:
    BAD[kind][0](shelf)
    async with serving(topics, shelf, MODEL_CANARY_VERSION="2", MODEL_CANARY_SHARE="1") as run:
        await run.send(1.0)
        assert (run.refused.keys(), run.loads("failed"), versions(run)["canary"]) == ({"2"}, 1, None)
    assert await asyncio.to_thread(outputs, topics) == {0: ("1", 1.0)}


async def test_a_canary_may_come_and_go(topics: Topics, shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(topics, shelf, MODEL_CANARY_VERSION="2", MODEL_CANARY_SHARE="1") as run:
        missing = "MODEL_CANARY_VERSION=2 is not there"
        await run.until(lambda: versions(run)["trouble"] == missing)
        assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == [
            f"the versions of the model cannot be looked after: {missing}"
        ]
        await run.send(1.0)
        shelf.put(2)
        await run.until(lambda: versions(run)["canary"] is not None)
        assert versions(run)["trouble"] is None
        await run.send(1.0)
        shelf.remove(2)
        await run.until(lambda: versions(run)["canary"] is None)
        await run.send(1.0)
    assert await asyncio.to_thread(outputs, topics) == {0: ("1", 1.0), 1: ("2", 2.0), 2: ("1", 1.0)}


async def test_beside_a_pinned_version_and_without_polling_they_come_at_the_start(topics: Topics, shelf: Shelf) -> None:
    for number in (2, 3, 4):
        shelf.put(number)
    asked = {"MODEL_VERSION": "1", "MODEL_CANARY_VERSION": "2", "MODEL_SHADOW_VERSION": "3", "MODEL_POLL_SECONDS": "0"}
    async with serving(topics, shelf, MODEL_CANARY_SHARE="0.4", **asked) as run:
        await run.until(lambda: versions(run)["shadow"] is not None)
        about = versions(run)
        assert (run.version, about["canary"]["version"], about["shadow"]["version"]) == ("1", "2", "3")


async def test_a_shadow_is_compared_and_its_rankings_are_published_apart(
    topics: Topics, shelf: Shelf, shadow_topic: str
) -> None:
    # Of two classes, the shadow puts the other one first where the input is above 5.
    tf = shelf.tf
    shelf.put(2, lambda x: {"scores": tf.add(x, tf.where(x > 5.0, [[0.0, 1.0]], [[1.0, 0.0]]))})
    shelf.remove(1)
    shelf.put(1, lambda x: {"scores": tf.add(x, [[1.0, 0.0]])})
    asked = {"MODEL_SHADOW_VERSION": "2", "SHADOW_TOPIC": shadow_topic, "RANK_TOP_K": "2"}
    async with serving(topics, shelf, **asked) as run:
        await run.until(lambda: versions(run)["shadow"] is not None)
        assert run.version == "1"
        await run.send(*[1.0] * 30, *[7.0] * 10, keys=KEYS)
        await run.until(lambda: sample(run, "streamrank_shadow_top_label_total", "same") == 30)
        await run.until(lambda: sample(run, "streamrank_shadow_top_label_total", "different") == 10)
        await run.until(lambda: sample(run, "streamrank_shadow_rank_correlation_bucket", "+Inf") == 40)
        assert sample(run, "streamrank_model_rows_total", "ranked", "shadow") == 40
        for bound, rows in (("-0.5", 10), ("0.99", 10), ("1.0", 40), ("+Inf", 40)):
            assert sample(run, "streamrank_shadow_rank_correlation_bucket", bound) == rows
        for role in ("serving", "shadow"):
            assert sample(run, "streamrank_model_call_seconds_count", role) > 0
        shown = await asyncio.to_thread(topics.client.read, shadow_topic, 40)
    assert {version for version, _ in (await asyncio.to_thread(outputs, topics)).values()} == {"1"}
    assert len(shown) == 40
    for each in shown:
        value = json.loads(each.value or b"")
        number = KEYS.index(each.key or b"")
        assert (value["id"], value["model_version"]) == (number, "2")
        assert dict(each.headers)["model-version"] == b"2"
        assert value["predictions"][0]["label"] == ("0" if number < 30 else "1")


async def test_they_may_come_from_a_bucket(topics: Topics, shelf: Shelf, bucket: Bucket, tmp_path: Path) -> None:
    for number in (2, 3):
        shelf.put(number)
    for number in (1, 2, 3):
        place = shelf.folder / str(number)
        files = {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}
        bucket.put(f"models/mine/{number}", files)
    remote = {"MODEL_PATH": f"{bucket.url}/models/mine", "MODEL_CACHE_PATH": str(tmp_path / "cache")}
    asked = {"MODEL_CANARY_VERSION": "3", "MODEL_CANARY_SHARE": "1", "MODEL_SHADOW_VERSION": "2"}
    async with serving(topics, shelf, **remote, **asked) as run:
        assert (run.version, versions(run)["canary"]["version"]) == ("1", "3")
        await run.until(lambda: versions(run)["shadow"] is not None)
        await run.send(1.0)
        bucket.remove("models/mine/3")
        await run.until(lambda: versions(run)["canary"] is None)
        await run.send(1.0)
        await run.until(lambda: sample(run, "streamrank_model_rows_total", "ranked", "shadow") == 1)
    assert await asyncio.to_thread(outputs, topics) == {0: ("3", 3.0), 1: ("1", 1.0)}


@pytest.mark.parametrize(
    ("folder", "asked", "message"),
    [
        ("", {"MODEL_CANARY_VERSION": "1"}, "holds no version to serve beside MODEL_CANARY_VERSION=1"),
        (
            "1",
            {"MODEL_CANARY_VERSION": "2", "MODEL_SHADOW_VERSION": "3"},
            "MODEL_CANARY_VERSION=2 and MODEL_SHADOW_VERSION=3: MODEL_PATH={path} is one model, without versions",
        ),
    ],
)
async def test_where_there_is_nothing_to_choose_from_the_start_ends(
    folder: str, asked: dict[str, str], message: str, topics: Topics, shelf: Shelf
) -> None:
    path = shelf.folder / folder
    run = Serving(topics, shelf, MODEL_PATH=str(path), **asked)
    assert await run.ended() == 1
    assert str(run.health.failure).endswith(message.format(path=path))
