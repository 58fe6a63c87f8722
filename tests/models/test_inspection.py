from pathlib import Path
from typing import Any

import pytest

from models.errors import ModelNotUsable
from models.scores import Output
from models.signature import TensorSpec
from tests.models.conftest import Export


def look(path: Path, **options: Any) -> Any:
    from models.inspection import inspect

    return inspect(path, device="cpu", **options)


def test_it_tells_what_the_file_declares_and_how_it_would_be_served(mlp: Path) -> None:
    found = look(mlp, sizes=[1, 4])
    assert (found.folder, found.version, found.others) == (mlp / "1", "1", ())
    features, scores = Output("features", "float32", (None, 32)), Output("scores", "float32", (None, 10))
    [signature] = found.signatures
    assert (signature.name, signature.inputs, signature.outputs) == ("serving_default", (features,), (scores,))
    assert (found.variables, found.elements) == (6, 32 * 64 + 64 + 64 * 64 + 64 + 64 * 10 + 10)
    served = found.served
    assert (served.signature, served.scores, served.why, served.batch) == (
        "serving_default",
        scores,
        "its name is scores",
        None,
    )
    assert served.inputs == (TensorSpec("features", "float32", (32,)),)
    assert served.record == {"id": "r1", "features": [0.0] * 32}
    assert served.settings == {}
    assert [timing.rows for timing in served.timings] == [1, 4]
    assert all(timing.seconds > 0 for timing in served.timings)


def test_the_scores_are_named_where_several_outputs_could_be_them(tf: Any, export: Export) -> None:
    path = export(
        lambda x: {"logits": x * 2, "odds": x * 3, "words": tf.strings.as_string(x)}, x=([None, 3], tf.float32)
    )
    served = look(path, sizes=[]).served
    assert served.settings == {"scores_output": "logits"}
    assert served.why == "named by MODEL_SCORES_OUTPUT; it could also be odds"
    assert served.timings == ()


def test_without_the_usual_signature_the_first_one_that_can_be_served_is_taken(tf: Any, tmp_path: Path) -> None:
    spec = tf.TensorSpec([None, 2], tf.float32, name="x")

    def made(body: Any) -> Any:
        return tf.function(body, autograph=False).get_concrete_function(spec)

    tf.saved_model.save(
        tf.Module(),
        str(tmp_path / "m"),
        signatures={"a_name": made(lambda x: {"y": tf.strings.as_string(x)}), "b": made(lambda x: {"y": x + 1})},
    )
    found = look(tmp_path / "m", sizes=[])
    assert [signature.name for signature in found.signatures] == ["a_name", "b"]
    assert found.served.settings == {"signature": "b"}
    assert found.served.why == "the only output that can hold scores"
    assert look(tmp_path / "m", sizes=[], signature="a_name").problem.startswith("no output can hold scores")


def test_a_model_that_cannot_be_served_is_described_all_the_same(tf: Any, export: Export, tmp_path: Path) -> None:
    found = look(export(lambda x: {"scores": tf.reduce_sum(x)}, x=([None, 3], tf.float32)))
    assert found.served is None
    assert "no output can hold scores" in found.problem
    assert found.signatures[0].outputs == (Output("scores", "float32", ()),)
    tf.saved_model.save(tf.Module(), str(tmp_path / "bare"))
    bare = look(tmp_path / "bare")
    assert (bare.signatures, bare.variables) == ((), 0)
    assert bare.problem == "the model has no signature 'serving_default', nor any other"


def test_the_size_that_the_signature_fixes_is_the_one_that_is_timed(tf: Any, export: Export) -> None:
    served = look(export(lambda x: {"scores": x * 2}, x=([4, 3], tf.float32)), sizes=[1, 2]).served
    assert (served.batch, [timing.rows for timing in served.timings]) == (4, [4])


def test_the_record_is_of_a_row_that_the_model_takes(tf: Any, export: Export) -> None:
    path = export(
        lambda x, flag, word, half, text: {"scores": x},
        x=([None, 2], tf.int64),
        flag=([None], tf.bool),
        word=([None, None], tf.string),
        half=([None, 1], tf.bfloat16),
        text=([None], tf.string),
    )
    assert look(path, sizes=[]).served.record == {
        "id": "r1",
        "x": [0, 0],
        "flag": False,
        "word": [""],
        "half": [0.0],
        "text": "",
    }


def test_versions_beside_it_are_named(mlp: Path, tmp_path: Path) -> None:
    for number in (2, 10, 3):
        (tmp_path / str(number)).symlink_to(mlp / "1")
    found = look(tmp_path, sizes=[])
    assert (found.version, found.others, found.served.settings) == ("10", (2, 3), {})
    pinned = look(tmp_path, version="3", sizes=[])
    assert (pinned.version, pinned.others, pinned.served.settings) == ("3", (2, 10), {"version": "3"})


def test_what_is_no_saved_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotUsable, match="neither a saved_model"):
        look(tmp_path)
