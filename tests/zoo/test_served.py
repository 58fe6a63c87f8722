"""Every model of the zoo through the real service on Kafka, and TensorFlow called directly beside it."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.inspection.command import main as inspect
from app.ports import free_ports
from app.worker import Worker
from config.settings import load_settings
from tests.app.running import Run, in_this_process
from tests.app.test_metrics import samples
from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.variables import variables_for
from tests.zoo import published
from tests.zoo.case import Answer, Case
from tests.zoo.served import CASES

ZOO = [*CASES, *published.CASES]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)


@pytest.fixture
def environment(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Callable[[Path], dict[str, str]]:
    """The lines that `streamrank inspect` prints for the service's environment, for a device."""

    def inspected(path: Path) -> dict[str, str]:
        assert inspect([str(path), "--device", request.param, "--untimed"]) == 0
        lines = capsys.readouterr().out.split("the service's environment\n")[1].splitlines()
        return dict(line.strip().split("=", 1) for line in lines)

    return inspected


async def served(settings: dict[str, str], topics: Topics, records: Sequence[Any]) -> list[dict[str, Any]]:
    """What the service publishes for *records*, by their ids."""
    topics.client.write(topics.input, [Record(json.dumps(each).encode(), partition=0) for each in records])
    run = Run(Worker(load_settings(settings, env_file=None)), int(settings["HTTP_PORT"]))

    def done() -> bool:
        found = samples(run.worker._metrics)
        outcomes = ("published", "dead_lettered")
        return sum(found.get(("streamrank_records_total", outcome), 0) for outcome in outcomes) == len(records)

    try:
        await run.until(done)
    finally:
        run.worker._over.set()
        assert await run.ended() == 0
    letters = await asyncio.to_thread(topics.client.read_all, topics.dead_letters)
    assert [dict(letter.headers) for letter in letters] == []
    outputs = await asyncio.to_thread(topics.client.read_all, topics.output)
    return [json.loads(output.value) for output in outputs]


@pytest.mark.parametrize(
    ("case", "environment"),
    [
        *(pytest.param(case, "cpu", id=case.name) for case in ZOO),
        *(
            pytest.param(case, "gpu", id=f"{case.name}, on a GPU", marks=pytest.mark.gpu)
            for case in ZOO
            if not case.cpu_only
        ),
    ],
    indirect=["environment"],
)
async def test_a_model_ranks_as_tensorflow_does_with_the_environment_that_inspect_prints(
    case: Case, tf: Any, topics: Topics, tmp_path: Path, environment: Callable[[Path], dict[str, str]]
) -> None:
    path = tmp_path / "model"
    for name, content in case.files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    case.write(tf, path)
    printed = environment(path)
    on_gpu = printed["MODEL_DEVICE"] == "gpu"
    with tf.device("/GPU:0" if on_gpu else "/CPU:0"):
        expected = case.direct(tf, path, case.rows)
    settings = variables_for(topics, path) | printed
    settings |= {name: value.format(folder=tmp_path) for name, value in case.settings.items()}
    settings |= {"RANK_TOP_K": "0", "HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(free_ports(1)[0])}
    published = await served(settings, topics, case.records())
    assert [each["id"] for each in published] == [f"r{place}" for place in range(len(case.rows))]
    for row, each in enumerate(published):
        # GPUs multiply in TF32, with 10 bits of a mantissa, or not, as the number of rows suggests.
        assert_same(each["predictions"], expected, row, within=0 if case.exact else 1e-2 if on_gpu else 1e-5)


def assert_same(predictions: Sequence[dict[str, Any]], expected: Answer, row: int, *, within: float) -> None:
    """Compare the ranking of a row; scores in the type that the model gives them in."""
    kind = expected.scores.dtype.type
    found = [(each["label"], kind(each["score"])) for each in predictions]
    wanted = [(label, kind(score)) for label, score in expected.ranking(row)]
    assert [each["rank"] for each in predictions] == list(range(1, len(wanted) + 1))
    if not within:
        assert found == wanted
    else:
        assert [label for label, _ in found] == [label for label, _ in wanted]
        assert np.allclose([score for _, score in found], [score for _, score in wanted], rtol=within)


def test_the_zoo_has_at_least_25_kinds_each_with_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 25
