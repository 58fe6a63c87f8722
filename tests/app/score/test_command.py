"""`streamrank score` as one calls it: a process of its own, a real SavedModel, files and pipes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.settings import VARIABLES
from tests.models.conftest import export, mlp, tf

__all__ = ["export", "mlp", "tf"]

SCORE = [sys.executable, "-c", "import sys; from app.cli import main; sys.exit(main(['score', *sys.argv[1:]]))"]
SEED = 9


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Ours, without any settings."""
    inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return inherited | {"PYTHONPATH": str(Path(__file__).parents[3]), "MODEL_DEVICE": "cpu"}


@pytest.fixture
def score(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    def run(*arguments: str, stdin: bytes = b"", **variables: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*SCORE, *arguments],
            env=environment | variables,
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
        )

    return run


def rows(count: int) -> Any:
    print(f"seed: {SEED}")
    return np.random.default_rng(SEED).random((count, 32), dtype=np.float32)


def lines(features: Any) -> bytes:
    return b"".join(
        json.dumps({"id": number, "features": row}).encode() + b"\n" for number, row in enumerate(features.tolist())
    )


def test_a_file_is_ranked_in_its_order_as_tensorflow_does(score: Any, tf: Any, mlp: Path, tmp_path: Path) -> None:
    features = rows(3000)
    (tmp_path / "in.jsonl").write_bytes(lines(features))
    done = score("in.jsonl", "--model", str(mlp), "--output", "out.jsonl", RANK_TOP_K="0")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert [(each["id"], each["model_version"]) for each in found] == [(number, "1") for number in range(3000)]
    model = tf.saved_model.load(str(mlp / "1"))
    wanted = model.signatures["serving_default"](features=tf.constant(features))["scores"].numpy()
    for each, row in zip(found, wanted, strict=True):
        scores = {int(entry["label"]): entry["score"] for entry in each["predictions"]}
        np.testing.assert_allclose([scores[place] for place in range(10)], row, rtol=1e-5, atol=1e-6)


def test_what_is_refused_is_told_with_its_line_and_the_rest_is_ranked(score: Any, mlp: Path, tmp_path: Path) -> None:
    good = {"features": [0.5] * 32}
    stdin = b"\n".join([json.dumps(good).encode(), b"no JSON", b"", json.dumps({"features": [1]}).encode(), b"{}"])
    done = score("--refused", "refused.jsonl", stdin=stdin, MODEL_PATH=str(mlp))
    assert (done.returncode, done.stderr) == (1, b"")
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["stdin-1"]
    told = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_bytes().splitlines()]
    assert [(each["line"], each["stage"], each["reason"]) for each in told] == [
        (2, "decode", "invalid_json"),
        (4, "validate", "wrong_shape"),
        (5, "validate", "missing_field"),
    ]
    assert told[2]["message"] == "features: missing; the input 'features' needs it"


def test_candidates_are_ranked_too(score: Any, mlp: Path) -> None:
    listed = [{"id": name, "features": row} for name, row in zip("abc", rows(3).tolist(), strict=True)]
    stdin = json.dumps({"id": "race", "candidates": listed}).encode()
    done = score("--model", str(mlp), stdin=stdin, RANK_BY="candidates", MODEL_SCORE_COLUMN="3")
    assert (done.returncode, done.stderr) == (0, b"")
    (ranking,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(each["label"] for each in ranking["predictions"]) == ["a", "b", "c"]


def test_a_pipe_is_answered_while_it_is_open_and_ctrl_c_ends_it(environment: dict[str, str], mlp: Path) -> None:
    with subprocess.Popen(
        [*SCORE, "--model", str(mlp)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for number in range(3):
            process.stdin.write(json.dumps({"id": number, "features": [number] * 32}).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == b"streamrank: interrupted\n"


def test_whoever_reads_may_have_seen_enough(environment: dict[str, str], mlp: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines(rows(5000)))
    command = f'"$@" --model {mlp} in.jsonl | head -n 1; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["bash", "-c", command, "bash", *SCORE],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr, done.stdout.count(b"\n")) == (141, b"", 1)


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        ((), {}, b"streamrank: MODEL_PATH is missing: "),
        (("--model", "nowhere"), {}, b"streamrank: MODEL_PATH=nowhere: No such file or directory\n"),
        (("nothing.jsonl",), {"MODEL_PATH": "."}, b"streamrank: nothing.jsonl: No such file or directory\n"),
        (
            ("--output", "a", "--refused", "./a"),
            {"MODEL_PATH": "."},
            b"streamrank: --refused ./a: this is --output too\n",
        ),
        ((), {"MODEL_PATH": "."}, b"streamrank: MODEL_PATH=.: "),
        (("--model", ".", "--fast"), {}, b"usage: streamrank score"),
        ((), {"MODEL_PATH": ".", "RANK_BY": "luck"}, b"streamrank: RANK_BY=luck: must be"),
    ],
)
def test_what_cannot_work_ends_with_2_and_says_why(
    arguments: tuple[str, ...], variables: dict[str, str], message: bytes, score: Any
) -> None:
    done = score(*arguments, **variables)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(message), done.stderr


def test_a_model_that_fails_ends_it_with_3(score: Any, export: Any, tf: Any) -> None:
    module = tf.Module()
    module.calls = tf.Variable(0)

    def body(x: Any) -> dict[str, Any]:
        few = tf.debugging.assert_less(module.calls.assign_add(1), 9, message="worn out")
        with tf.control_dependencies([few]):
            return {"scores": x * 1.0}

    path = export(body, module=module, x=([None, 2], tf.float32))
    done = score("--model", str(path), stdin=b'{"x": [1, 2]}\n' * 20, BATCH_MAX_SIZE="1", BATCH_MAX_IN_FLIGHT="1")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith(b"streamrank: the model fails, also at attempt"), done.stderr


def test_what_stands_in_a_file_is_not_lost_to_a_mistake(score: Any, mlp: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines(rows(2)))
    (tmp_path / "old.jsonl").write_bytes(b"old")
    (tmp_path / "link.jsonl").symlink_to("in.jsonl")
    done = score("in.jsonl", "--model", str(mlp), "--output", "link.jsonl")
    assert (done.returncode, done.stderr) == (2, b"streamrank: --output link.jsonl: this is FILE too\n")
    assert (tmp_path / "in.jsonl").read_bytes() == lines(rows(2))
    assert score("in.jsonl", "--model", ".", "--output", "old.jsonl").returncode == 2
    assert (tmp_path / "old.jsonl").read_bytes() == b"old"
    done = score("in.jsonl", "--model", str(mlp), "--output", "no/where")
    assert (done.returncode, done.stderr) == (2, b"streamrank: no/where: No such file or directory\n")


def test_settings_of_kafka_do_not_matter(score: Any, mlp: Path) -> None:
    wrong = {"KAFKA_SSL_CAFILE": "nowhere", "OUTPUT_TOPIC": "lines", "HTTP_PORT": "many", "DEAD_LETTER_TOPIC": "lines"}
    done = score("--model", str(mlp), stdin=lines(rows(1)), **wrong)
    assert (done.returncode, done.stderr, done.stdout.count(b"\n")) == (0, b"", 1)


def test_a_line_that_is_too_long_is_refused(score: Any, mlp: Path) -> None:
    done = score("--model", str(mlp), stdin=b"x" * 3_000_000 + b"\n" + lines(rows(1)), RECORD_MAX_BYTES="1000")
    assert (done.returncode, done.stdout.count(b"\n")) == (1, 1)
    assert json.loads(done.stderr)["reason"] == "too_large"


def test_standings_are_made_in_the_order_of_the_lines(score: Any, mlp: Path) -> None:
    features = rows(3).tolist()
    lines = [
        json.dumps({"id": number, "group": "g", "member": member, "features": features[seed]})
        for number, (member, seed) in enumerate([("a", 0), ("b", 1), ("a", 2)])
    ]
    stdin = "\n".join(lines).encode()
    done = score("--model", str(mlp), stdin=stdin, RANK_BY="standings", MODEL_SCORE_COLUMN="3")
    assert done.returncode == 0, done.stderr
    rankings = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["change"] for each in rankings[0]["predictions"]] == [None]
    assert [len(ranking["predictions"]) for ranking in rankings] == [1, 2, 2]
    assert {ranking["group"] for ranking in rankings} == {"g"}
