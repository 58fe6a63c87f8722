"""SavedModels that `tf.saved_model.load` does not load, or not as they are."""

import gc
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelNotUsable
from tests.models.conftest import Load

WORDS = np.array([b"dog", b"cat"], object)


@pytest.fixture
def vocabulary(tf: Any, tmp_path: Path) -> Any:
    """A model with all that its graph alone must bring: a variable, an asset, and a table that is filled from it."""
    file = tmp_path / "words.txt"
    file.write_text("cat\ndog\n", encoding="utf-8")
    lines = tf.lookup.TextFileIndex
    words = tf.lookup.TextFileInitializer(str(file), tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER)
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(words, -1)
    module.weights = tf.Variable([[1.0, 2.0, 3.0], [6.0, 5.0, 4.0]])
    module.optimizer, module.momentum = tf.Module(), tf.Variable([[0.0]])
    module.asset = tf.saved_model.Asset(str(file))
    return module


@pytest.fixture
def unrestorable(tf: Any, vocabulary: Any, tmp_path: Path) -> Path:
    """The same, saved with an optimizer's slot variable; what makes the optimizer is not there any more."""
    spec = tf.TensorSpec([None], tf.string, name="word")

    def serve(word: Any) -> dict[str, Any]:
        lines = tf.strings.length(tf.io.read_file(vocabulary.asset.asset_path))
        scores = tf.gather(vocabulary.weights, vocabulary.table.lookup(word))
        return {"scores": scores + tf.cast(lines, tf.float32)}

    path = tmp_path / "unrestorable"
    function = tf.function(serve, input_signature=[spec], autograph=False)
    tf.saved_model.save(vocabulary, str(path), signatures={"serving_default": function})
    (tmp_path / "words.txt").unlink()
    _edit(path, _with_slot_variable)
    with pytest.raises(AttributeError, match="add_slot"):
        tf.saved_model.load(str(path))
    return path


def _edit(path: Path, change: Any) -> None:
    from models.meta_graph import SavedModel

    model = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    change(model)
    (path / "saved_model.pb").write_bytes(model.SerializeToString())


def _with_slot_variable(model: Any) -> None:
    nodes = model.meta_graphs[0].object_graph_def.nodes
    places = {child.local_name: child.node_id for child in nodes[0].children}
    nodes[places["optimizer"]].slot_variables.add(
        slot_name="m",
        original_variable_node_id=places["weights"],
        slot_variable_node_id=places["momentum"],
    )


def test_a_model_with_an_optimizer_that_cannot_be_restored_is_served_by_its_graph(
    load: Load, unrestorable: Path
) -> None:
    model = load(unrestorable)
    gc.collect()
    top = model.predict({"word": WORDS})
    assert top.scores.tolist() == [[14.0, 13.0, 12.0], [11.0, 10.0, 9.0]]
    assert top.indices.tolist() == [[0, 1, 2], [2, 1, 0]]


def test_two_versions_that_are_served_by_their_graphs_share_nothing(
    tf: Any, load: Load, unrestorable: Path, tmp_path: Path
) -> None:
    first = load(unrestorable)
    before = first.predict({"word": WORDS}).scores.tolist()
    twin = tmp_path / "twin"
    shutil.copytree(unrestorable, twin)
    next((twin / "assets").iterdir()).write_text("dog\ncat\n", encoding="utf-8")
    assert load(twin).predict({"word": WORDS}).scores.tolist() == before[::-1]
    assert first.predict({"word": WORDS}).indices.tolist() == [[0, 1, 2], [2, 1, 0]]


def test_the_graph_that_is_tagged_for_serving_is_taken_among_several(tf: Any, load: Load, tmp_path: Path) -> None:
    v1 = tf.compat.v1
    builder = v1.saved_model.builder.SavedModelBuilder(str(tmp_path / "several"))
    for tags, factor in ((["serve", "gpu"], 2.0), (["serve"], 3.0), (["train"], 5.0)):
        with tf.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, [None, 2])
            scores = x * v1.get_variable("factor", initializer=factor)
            signature = v1.saved_model.predict_signature_def({"x": x}, {"scores": scores})
            session.run(v1.global_variables_initializer())
            if tags == ["serve", "gpu"]:
                builder.add_meta_graph_and_variables(session, tags, {"serving_default": signature})
            else:
                builder.add_meta_graph(tags, {"serving_default": signature})
    builder.save()
    # The variables are those of the first graph; that one alone has them in its own name.
    assert load(tmp_path / "several").predict({"x": np.ones((1, 2), np.float32)}).scores.tolist() == [[2.0, 2.0]]
    _edit(tmp_path / "several", lambda model: model.meta_graphs[1].meta_info_def.tags.append("tpu"))
    with pytest.raises(ModelNotUsable, match=r"no graph tagged `serve`; there are: gpu serve; serve tpu; train$"):
        load(tmp_path / "several")


def test_another_signature_that_cannot_be_cut_out_is_in_nobodys_way(tf: Any, load: Load, tmp_path: Path) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x, rate = v1.placeholder(tf.float32, [None, 2]), v1.placeholder(tf.float32, [])
        whole = v1.saved_model.predict_signature_def({"x": x}, {"scores": x})
        lacking = v1.saved_model.predict_signature_def({"x": x}, {"scores": x * rate})
        builder = v1.saved_model.builder.SavedModelBuilder(str(tmp_path / "m"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": whole, "train": lacking})
        builder.save()
    assert load(tmp_path / "m").predict({"x": np.ones((1, 2), np.float32)}).scores.tolist() == [[1.0, 1.0]]
    with pytest.raises(ModelNotUsable, match=r"Tried with all its objects: .*; by its graph alone: .*placeholder"):
        load(tmp_path / "m", signature="train")


def test_when_every_way_fails_each_reason_is_told(load: Load, unrestorable: Path) -> None:
    next((unrestorable / "variables").glob("*.data*")).write_bytes(b"")
    with pytest.raises(ModelNotUsable) as refusal:
        load(unrestorable)
    message = str(refusal.value)
    assert f"{unrestorable} cannot be loaded. Tried with all its objects: " in message
    assert "; by its graph alone: " in message


def test_what_is_written_beside_a_model_goes_with_it(
    load: Load, unrestorable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = tmp_path / "temporary"
    beside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(beside))
    model = load(unrestorable)
    assert [each.name.startswith("streamrank-model-") for each in beside.iterdir()] == [True]
    del model
    gc.collect()
    assert list(beside.iterdir()) == []
    next((unrestorable / "variables").glob("*.data*")).write_bytes(b"")
    with pytest.raises(ModelNotUsable):
        load(unrestorable)
    assert list(beside.iterdir()) == []


@pytest.mark.parametrize(("name", "content"), [("saved_model.pb", b"\xff"), ("saved_model.pbtxt", b"meta_graphs {")])
def test_a_file_that_is_broken_is_named(load: Load, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelNotUsable, match=r"cannot be loaded: its saved_model\.pb is broken"):
        load(tmp_path)
