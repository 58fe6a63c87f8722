"""What goes wrong beside the version that serves, and how little of that is noticed: through the real worker."""

import asyncio
import gc
import json
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.kafka import topics as topic_watch
from tests.app.running import in_this_process
from tests.app.test_beside import KEYS, sample, shadow_topic, versions
from tests.app.test_versions import BAD, Serving, Shelf, outputs, serving, shelf
from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.models.conftest import tf
from tests.models.test_remote import Bucket, bucket, s3

__all__ = ["bucket", "s3", "shadow_topic", "shelf", "tf"]

HANGING = 7.0


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)


def hangs(tf: Any) -> Callable[[Any], dict[str, Any]]:
    """What doubles its input, but goes on for ever where it is HANGING."""

    def body(x: Any) -> dict[str, Any]:
        rounds = tf.where(tf.reduce_any(tf.equal(x, HANGING)), 2**31 - 1, 1)
        _, same = tf.while_loop(lambda i, _: i < rounds, lambda i, y: (i + 1, y * 1.0), (tf.constant(0), x))
        return {"scores": same * 2.0}

    return body


async def send_apart(run: Serving, topics: Topics, count: int) -> None:
    """Send records that hang, each in a batch of its own, and do not wait for them."""
    for place in range(count):
        value = json.dumps({"id": run.sent, "x": [HANGING] * 2}).encode()
        run.sent += 1
        await asyncio.to_thread(topics.client.write, topics.input, [Record(value, b"k", partition=place % 4)])
        await asyncio.sleep(0.2)


def given_up(run: Serving, number: str) -> bool:
    return "has not returned for" in run.refused.get(number, "")


@pytest.mark.parametrize("role", ["canary", "shadow"])
async def test_one_that_hangs_leaves_and_the_worker_goes_on(role: str, topics: Topics, shelf: Shelf) -> None:
    shelf.put(2, hangs(shelf.tf))
    asked = {f"MODEL_{role.upper()}_VERSION": "2", "MODEL_TIMEOUT_SECONDS": "4"}
    if role == "canary":
        asked["MODEL_CANARY_SHARE"] = "1"
    async with serving(topics, shelf, **asked) as run:
        await run.until(lambda: versions(run)[role] is not None)
        await run.send(1.0)
        await send_apart(run, topics, 4)  # more than TensorFlow has threads, where there are two cores
        await run.until(lambda: given_up(run, "2"))
        assert versions(run)[role] is None
        await run.send(1.0)
        # Longer than a call of the version that serves may take; those that hung are over.
        await asyncio.sleep(5)
        began = time.monotonic()
        await run.send(1.0)
        assert time.monotonic() - began < 2
        assert run.health.failure is None
    found = await asyncio.to_thread(outputs, topics)
    first = ("2", 2.0) if role == "canary" else ("1", 1.0)
    assert found == {0: first, 1: ("1", 7.0), 2: ("1", 7.0), 3: ("1", 7.0), 4: ("1", 7.0), 5: ("1", 1.0), 6: ("1", 1.0)}


async def test_a_stop_does_not_wait_for_a_canary_that_hangs(topics: Topics, shelf: Shelf) -> None:
    shelf.put(2, hangs(shelf.tf))
    async with serving(topics, shelf, MODEL_CANARY_VERSION="2", MODEL_CANARY_SHARE="1") as run:
        await send_apart(run, topics, 2)
        assert run.count("published") == 0
    # And the worker has ended with status 0, which `serving` sees to.
    assert await asyncio.to_thread(outputs, topics) == {0: ("1", 7.0), 1: ("1", 7.0)}


async def test_the_memory_of_a_canary_that_left_is_free_again(topics: Topics, shelf: Shelf) -> None:
    shelf.put(2, hangs(shelf.tf))
    asked = {"MODEL_CANARY_VERSION": "2", "MODEL_CANARY_SHARE": "1", "MODEL_TIMEOUT_SECONDS": "2"}
    async with serving(topics, shelf, **asked) as run:
        await run.send(1.0)
        assert run.health.rollout is not None
        canary = run.health.rollout.beside.canary
        assert canary is not None
        model = weakref.ref(canary.ranker.predictor)
        del canary
        await send_apart(run, topics, 2)
        await run.until(lambda: given_up(run, "2"))
        await run.send(1.0)
        thresholds = gc.get_threshold()
        gc.disable()  # but for the collection that the service asks for
        try:
            await run.until(lambda: model() is None)
        finally:
            gc.enable()
        assert gc.get_threshold() == thresholds


async def test_the_topic_of_a_shadow_may_be_missing_come_and_go(
    topics: Topics, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_watch, "POLL_SECONDS", 0.2)
    shelf.put(2)
    name = topics.output + ".shadow"
    async with serving(topics, shelf, MODEL_SHADOW_VERSION="2", SHADOW_TOPIC=name) as run:
        await run.until(lambda: versions(run)["shadow"] is not None)

        def unpublished() -> float:
            return sample(run, "streamrank_model_rows_total", "unpublished", "shadow")

        def has() -> bool:
            return run.worker._brokers.topics.has(name)

        await run.send(1.0)
        await run.until(lambda: unpublished() == 1)
        topics.client.create(name)
        try:
            await run.until(has)
            await run.send(1.0)
            (shown,) = await asyncio.to_thread(topics.client.read, name, 1)
            assert json.loads(shown.value or b"")["id"] == 1
        finally:
            topics.client.delete(name)
        await run.until(lambda: not has())
        await run.send(1.0)
        await run.until(lambda: unpublished() == 2)
        assert run.health.unready() is None
        assert sample(run, "streamrank_model_rows_total", "ranked", "shadow") == 3


@pytest.mark.needs_apache_kafka
async def test_exactly_once_holds_beside_a_canary_and_a_shadow(topics: Topics, shelf: Shelf, shadow_topic: str) -> None:
    for number in (2, 3):
        shelf.put(number)
    asked = {"MODEL_CANARY_VERSION": "2", "MODEL_CANARY_SHARE": "0.4", "MODEL_SHADOW_VERSION": "3"}
    once = {"PROCESSING_GUARANTEE": "exactly_once", "SHADOW_TOPIC": shadow_topic}
    async with serving(topics, shelf, **asked, **once) as run:
        await run.until(lambda: versions(run)["shadow"] is not None)
        for _ in range(5):
            await run.send(*[1.0] * 40, keys=KEYS)
        served = sample(run, "streamrank_model_rows_total", "ranked", "serving")
        await run.until(lambda: sample(run, "streamrank_model_rows_total", "ranked", "shadow") == served)
        assert len(await asyncio.to_thread(topics.client.read, shadow_topic, int(served))) == served
    found = await asyncio.to_thread(outputs, topics)  # which fails where an id comes twice
    assert found.keys() == set(range(200))
    assert {version for version, _ in found.values()} == {"1", "2"}


async def test_a_refused_canary_comes_back_when_its_files_in_a_bucket_are_others(
    topics: Topics, shelf: Shelf, bucket: Bucket, tmp_path: Path
) -> None:
    def upload(number: int) -> None:
        place = shelf.folder / str(number)
        files = {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}
        bucket.put(f"models/mine/{number}", files)

    BAD["NaN"][0](shelf)
    for number in (1, 2):
        upload(number)
    remote = {"MODEL_PATH": f"{bucket.url}/models/mine", "MODEL_CACHE_PATH": str(tmp_path / "cache")}
    async with serving(topics, shelf, **remote, MODEL_CANARY_VERSION="2", MODEL_CANARY_SHARE="1") as run:
        await run.send(*[1.0] * 25)
        await run.until(lambda: versions(run)["canary"] is None and "2" in run.refused)
        shelf.remove(2)
        shelf.put(2)
        upload(2)
        await run.until(lambda: versions(run)["canary"] is not None)
        await run.send(1.0)
    assert (await asyncio.to_thread(outputs, topics))[25] == ("2", 2.0)
