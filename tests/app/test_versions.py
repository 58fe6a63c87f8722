"""Versions that come and go under a worker that serves: real SavedModels, a real broker, and one process."""

import asyncio
import json
import os
import re
import shutil
import signal
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.assembly import load_predictor
from app.ports import free_ports
from app.rollout import Rollout
from app.worker import Load, Worker
from config.settings import Settings, load_settings
from models.fingerprint import read_contents
from models.numpy_model import NumpyModel
from tests.app.chunks import row
from tests.app.running import Run, in_this_process
from tests.app.test_metrics import samples
from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.models.conftest import tf
from tests.models.test_remote import Bucket, bucket, s3
from tests.variables import variables_for

__all__ = ["bucket", "s3", "tf"]

POLL = "0.2"


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)


class Shelf:
    """A folder of versions; a version multiplies what it is given by its number, unless told otherwise."""

    def __init__(self, tf: Any, folder: Path) -> None:
        self.tf = tf
        self.folder = folder / "model"
        self.folder.mkdir()

    def put(
        self, number: int, body: Callable[[Any], Any] | None = None, shape: Any = (None, 2), name: str = "x"
    ) -> Path:
        """Write a version; it is seen at once and whole."""
        tf = self.tf
        serve = body or (lambda x: {"scores": x * float(number)})
        spec = tf.TensorSpec(list(shape), tf.float32, name)
        function = tf.function(serve, autograph=False).get_concrete_function(spec)
        beside = self.folder.parent / f"new-{number}"
        tf.saved_model.save(tf.Module(), str(beside), signatures={"serving_default": function})
        return self.show(beside, number)

    def show(self, beside: Path, number: int) -> Path:
        """Move a SavedModel to its place."""
        return beside.rename(self.folder / str(number))

    def remove(self, number: int) -> None:
        """Take a version away."""
        shutil.rmtree(self.folder / str(number))


@pytest.fixture
def shelf(tf: Any, tmp_path: Path) -> Shelf:
    shelf = Shelf(tf, tmp_path)
    shelf.put(1)
    return shelf


class Serving(Run):
    """A worker that serves the shelf."""

    def __init__(self, topics: Topics, shelf: Shelf, load: Load = load_predictor, **variables: str) -> None:
        port = free_ports(1)[0]
        settings = variables_for(topics, shelf.folder) | {"MODEL_DEVICE": "cpu", "MODEL_POLL_SECONDS": POLL}
        settings |= {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(port), "RANK_TOP_K": "1"} | variables
        super().__init__(Worker(load_settings(settings, env_file=None), load), port)
        self._topics = topics
        self.sent = 0

    async def send(self, *values: float, keys: Sequence[bytes | None] | None = None) -> None:
        """Send records, and wait until they are done."""
        records = [
            Record(json.dumps({"id": self.sent + i, "x": [v, v]}).encode(), key)
            for i, (v, key) in enumerate(zip(values, keys or [None] * len(values), strict=True))
        ]
        self.sent += len(values)
        await asyncio.to_thread(self._topics.client.write, self._topics.input, records)
        await self.until(lambda: self.count("published") + self.count("dead_lettered") == self.sent)

    def count(self, outcome: str) -> float:
        return samples(self.worker._metrics).get(("streamrank_records_total", outcome), 0)

    def loads(self, outcome: str) -> float:
        return samples(self.worker._metrics).get(("streamrank_model_loads_total", outcome), 0)

    @property
    def version(self) -> str:
        assert self.health.rollout is not None
        return self.health.rollout.current.predictor.version

    @property
    def refused(self) -> dict[str, str]:
        refused: dict[str, str] = self.health.status()["model"]["versions"]["refused"]
        return refused

    async def serves(self, version: str) -> None:
        await self.until(lambda: self.version == version)


@asynccontextmanager
async def serving(
    topics: Topics, shelf: Shelf, load: Load = load_predictor, **variables: str
) -> AsyncIterator[Serving]:
    run = Serving(topics, shelf, load, **variables)
    try:
        await run.ready()
        yield run
    finally:
        if not run.task.done():
            run.worker._over.set()
        assert await run.ended() == 0


def outputs(topics: Topics) -> dict[int, tuple[str, float]]:
    """Version and score of each ranking, by the record's id; the header tells the same version as the value."""
    found = {}
    for output in topics.client.read_all(topics.output):
        value = json.loads(output.value)
        assert dict(output.headers)["model-version"] == value["model_version"].encode()
        assert value["id"] not in found
        found[value["id"]] = value["model_version"], value["predictions"][0]["score"]
    return found


async def test_a_newer_version_takes_over_between_two_records_and_goes_back_to_the_newest_left(
    topics: Topics, shelf: Shelf
) -> None:
    async with serving(topics, shelf) as run:
        await run.send(1.0, 2.0)
        shelf.put(3)
        await run.serves("3")
        await run.send(3.0)
        shelf.put(2)  # older than what serves: not wanted
        await run.until(lambda: run.health.rollout is not None and 2 in run.health.rollout._files)
        shelf.remove(3)
        await run.serves("2")
        await run.send(4.0)
        assert run.loads("loaded") == 3
        infos = [labels for labels in samples(run.worker._metrics) if labels[0] == "streamrank_model_info"]
        fingerprint = read_contents(shelf.folder / "2").fingerprint
        assert infos == [("streamrank_model_info", "cpu", fingerprint, "model", "2")]
    found = await asyncio.to_thread(outputs, topics)
    assert found == {0: ("1", 1.0), 1: ("1", 2.0), 2: ("3", 9.0), 3: ("2", 8.0)}


async def test_a_pinned_version_stays(topics: Topics, shelf: Shelf) -> None:
    async with serving(topics, shelf, MODEL_VERSION="1") as run:
        shelf.put(2)
        os.kill(os.getpid(), signal.SIGHUP)
        await run.send(1.0)
        assert run.health.rollout is not None
        # Nobody looks, now or ever.
        name = Rollout.run.__qualname__
        (looking,) = [watch for watch in run.worker._watches if watch.get_coro().__qualname__ == name]
        await run.until(looking.done)
        assert run.health.rollout._tryout._understudy._process is None
        assert run.version == "1"


async def test_the_process_that_tries_versions_is_started_when_no_records_wait_any_more(
    topics: Topics, shelf: Shelf
) -> None:
    model = NumpyModel()
    model.version = "1"
    model.answering.clear()
    await asyncio.to_thread(topics.client.write, topics.input, [Record(row("r", 1, 2, 3, 4), timestamp=1)])
    async with serving(topics, shelf, load=lambda *_: model) as run:
        rollout, watched = run.health.rollout, run.health.serving
        assert rollout is not None
        assert watched is not None
        await run.until(lambda: any(lag.seconds > 100 for lag in watched.lag.partitions.values()))
        too_early = rollout._has_time
        model.answering.set()
        assert not too_early
        await run.until(lambda: rollout._tryout._understudy._process is not None)


async def test_a_signal_looks_now(topics: Topics, shelf: Shelf) -> None:
    async with serving(topics, shelf, MODEL_POLL_SECONDS="0") as run:
        shelf.put(2)
        os.kill(os.getpid(), signal.SIGHUP)
        await run.serves("2")


async def test_a_signal_before_there_is_a_model_harms_nothing(topics: Topics, shelf: Shelf) -> None:
    run = Serving(topics, shelf)
    await run.until(lambda: "loading the model" in (run.health.unready() or ""))
    os.kill(os.getpid(), signal.SIGHUP)
    await run.ready()
    run.worker._over.set()
    assert await run.ended() == 0


async def test_a_version_that_is_still_being_written_is_not_taken(topics: Topics, shelf: Shelf) -> None:
    async with serving(topics, shelf) as run:
        whole = shelf.put(2).rename(shelf.folder.parent / "whole")
        place = shelf.folder / "2"
        place.mkdir()
        pb = (whole / "saved_model.pb").read_bytes()
        for size in range(0, len(pb), len(pb) // 12):
            (place / "saved_model.pb").write_bytes(pb[:size])
            await asyncio.sleep(0.05)
            assert run.refused == {}
        (place / "saved_model.pb").write_bytes(pb)
        shutil.copytree(whole / "variables", place / "variables")
        await run.serves("2")
        assert run.loads("failed") == 0


def truncated(shelf: Shelf) -> None:
    place = shelf.put(2).rename(shelf.folder.parent / "cut")
    file = place / "saved_model.pb"
    file.write_bytes(file.read_bytes()[:40])
    shelf.show(place, 2)


def crashing_on_load(shelf: Shelf) -> None:
    v1 = shelf.tf.compat.v1
    with shelf.tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(shelf.tf.float32, [None, 2])
        signature = v1.saved_model.predict_signature_def({"x": x}, {"scores": x * 2})
        builder = v1.saved_model.builder.SavedModelBuilder(str(shelf.folder.parent / "crash"))
        abort = shelf.tf.raw_ops.Abort(error_msg="told to crash", exit_without_error=False)
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, main_op=abort)
        builder.save()
    shelf.show(shelf.folder.parent / "crash", 2)


def hanging(shelf: Shelf) -> None:
    tf = shelf.tf

    def for_ever(x: Any) -> dict[str, Any]:
        return {"scores": tf.while_loop(lambda y: tf.reduce_all(y < tf.float32.max), lambda y: (y * 1.0,), (x,))[0]}

    shelf.put(2, for_ever)


BAD = {
    "truncated": (truncated, "failed", r"cannot be loaded: its saved_model\.pb is broken"),
    "another input": (
        lambda shelf: shelf.put(2, name="y"),
        "rejected",
        r"records that feed the serving version do not feed it: y: missing; the input 'y' needs it",
    ),
    "another shape": (
        lambda shelf: shelf.put(2, shape=(None, 3)),
        "rejected",
        r"records that feed the serving version do not feed it: x: .*expected 3",
    ),
    "no scores": (
        lambda shelf: shelf.put(2, lambda x: {"map": x[:, None, :]}),
        "failed",
        r"no output can hold scores",
    ),
    "NaN": (
        lambda shelf: shelf.put(2, lambda x: {"scores": x / (x - x)}),
        "rejected",
        r"its scores of recent records are NaN or infinite",
    ),
    "crashing on load": (
        crashing_on_load,
        "failed",
        r"the process that tried it was ended by SIGABRT: .*told to crash",
    ),
    "hanging": (hanging, "failed", r"it had not answered after 6 s"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_version_stays_out_and_is_reported_and_tried_again_only_when_it_changes(
    kind: str, topics: Topics, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    put, outcome, reason = BAD[kind]
    async with serving(topics, shelf, MODEL_LOAD_TIMEOUT_SECONDS="6" if kind == "hanging" else "60") as run:
        await run.send(1.0, 2.0)
        put(shelf)
        await run.until(lambda: run.refused.keys() == {"2"})
        assert re.search(reason, run.refused["2"], re.DOTALL), run.refused
        await run.send(3.0)
        assert (run.version, run.loads(outcome)) == ("1", 1)
        errors = [each for each in caplog.records if each.levelname == "ERROR" and each.name == "app.tryout"]
        assert [(each.version, each.outcome) for each in errors] == [("2", outcome)]  # type: ignore[attr-defined]
        # A few looks later it has not been tried again; a good one in its place is.
        looked = run.health.rollout._look_at  # type: ignore[union-attr]
        await run.until(lambda: run.health.rollout._look_at > looked + 1)  # type: ignore[union-attr]
        assert run.loads(outcome) == 1
        shelf.remove(2)
        shelf.put(2)
        await run.serves("2")
        assert run.refused == {}
    found = await asyncio.to_thread(outputs, topics)
    assert found == {0: ("1", 1.0), 1: ("1", 2.0), 2: ("1", 3.0)}


@pytest.mark.parametrize("kind", ["truncated", "no scores"])
async def test_a_start_takes_the_newest_version_that_works(
    kind: str, topics: Topics, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    BAD[kind][0](shelf)
    (shelf.folder / "9").mkdir()
    async with serving(topics, shelf) as run:
        await run.send(1.0)
        assert (run.version, run.loads("failed"), run.loads("loaded")) == ("1", 1, 1)
        assert run.refused.keys() == {"2"}
        assert [each.version for each in caplog.records if "is not served" in each.getMessage()] == ["2"]  # type: ignore[attr-defined]
        # It is tried again when it changes.
        shelf.remove(2)
        shelf.put(2)
        await run.serves("2")


async def test_whatever_goes_wrong_in_the_service_itself_the_old_version_goes_on(
    topics: Topics, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(topics, shelf, MODEL_LOAD_TIMEOUT_SECONDS="30") as run:
        await run.send(1.0)
        rollout = run.health.rollout
        assert rollout is not None

        def broken(_: Any) -> Any:
            raise ZeroDivisionError("of all things")

        monkeypatch.setattr(rollout._tryout, "_load", broken)
        shelf.put(2)
        await run.until(lambda: run.refused.keys() == {"2"})
        assert run.refused["2"] == "of all things"
        go_on = threading.Event()
        monkeypatch.setattr(rollout._tryout, "_load", lambda _: go_on.wait(60))
        monkeypatch.setattr(rollout._tryout, "_settings", shorter(rollout._tryout._settings))
        shelf.put(3)
        await run.until(lambda: run.refused.keys() == {"2", "3"})
        go_on.set()
        assert run.refused["3"] == "it was not loaded after 8 s"
        await run.send(2.0)
    assert await asyncio.to_thread(outputs, topics) == {0: ("1", 1.0), 1: ("1", 2.0)}


def shorter(settings: Settings) -> Settings:
    model = settings.model.model_copy(update={"load_timeout_seconds": 8.0})
    return settings.model_copy(update={"model": model})


async def test_a_version_that_refuses_more_than_the_one_before_goes_back(topics: Topics, shelf: Shelf) -> None:
    tf = shelf.tf

    def picky(x: Any) -> dict[str, Any]:
        with tf.control_dependencies([tf.debugging.assert_less(x, 5.0)]):
            return {"scores": x * 2}

    async with serving(topics, shelf) as run:
        await run.send(*[1.0] * 30)
        shelf.put(2, picky)
        await run.serves("2")
        await run.send(*[1.0] * 30)
        assert run.version == "2"
        await run.send(*[9.0] * 20)
        assert run.version == "1"
        assert re.fullmatch(r"it refuses \d+% of \d+ records, the version before refused 0%", run.refused["2"])
        assert run.loads("rolled_back") == 1
        await run.send(9.0)
    found = await asyncio.to_thread(outputs, topics)
    assert found[run.sent - 1] == ("1", 9.0)


async def test_after_its_probation_a_version_stays_and_the_one_before_is_let_go(topics: Topics, shelf: Shelf) -> None:
    async with serving(topics, shelf, MODEL_PROBATION_SECONDS="0.3") as run:
        await run.send(1.0)
        shelf.put(2)
        await run.serves("2")
        rollout = run.health.rollout
        assert rollout is not None
        await run.until(lambda: rollout._predecessor is None)
        assert run.health.status()["model"]["versions"]["on_probation_after"] is None


async def test_versions_may_come_from_a_bucket(
    topics: Topics, shelf: Shelf, bucket: Bucket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def upload(number: int) -> None:
        place = shelf.folder / str(number)
        files = {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}
        bucket.put(f"models/mine/{number}", files)

    upload(1)
    remote = {"MODEL_PATH": f"{bucket.url}/models/mine", "MODEL_CACHE_PATH": str(tmp_path / "cache")}
    async with serving(topics, shelf, **remote) as run:
        await run.send(1.0)
        about = run.health.status()
        assert (about["model"]["name"], about["model"]["version"]) == ("mine", "1")
        assert about["settings"]["model"]["path"] == remote["MODEL_PATH"]
        shelf.put(2)
        upload(2)
        await run.serves("2")
        await run.send(2.0)
        bucket.remove("models/mine/2")
        await run.serves("1")
    assert await asyncio.to_thread(outputs, topics) == {0: ("1", 1.0), 1: ("2", 4.0)}


async def test_a_remote_model_that_cannot_be_had_ends_the_start(
    topics: Topics, shelf: Shelf, bucket: Bucket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remote = {"MODEL_PATH": f"{bucket.url}/nothing", "MODEL_CACHE_PATH": str(tmp_path / "cache")}
    run = Serving(topics, shelf, **remote)
    assert await run.ended() == 1
    [error] = [each.getMessage() for each in caplog.records if each.levelname == "ERROR" and each.name == "app.worker"]
    assert error.startswith(f"cannot go on: MODEL_PATH: model path {bucket.url}/nothing: ")
