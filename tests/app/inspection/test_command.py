"""`streamrank inspect`, in this process."""

import json
from pathlib import Path

import pytest

from app.assembly import load_predictor
from app.inspection.command import main
from config.settings import load_settings
from tests.models.conftest import Export
from tests.models.test_remote import Bucket


def test_the_text_tells_all_of_it_and_the_environment_works_as_it_is(
    mlp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mlp_path.parent)
    assert main([mlp_path.name, "--device", "cpu", "--sizes", "1,4"]) == 0
    text = capsys.readouterr().out
    for part in (
        "\n  input  features float32 [None, 32]\n",
        "\n  output scores float32 [None, 10]\n",
        "\n  scores  scores float32 [None, 10]: its name is scores\n",
        "\n  features: float32 [32]\n",
        '\n  {"id": "r1", "features": [0.0, ',
        "\nfingerprint  sha256:",
    ):
        assert part in text
    lines = text.split("the service's environment\n")[1].split("\n\n")[0].splitlines()
    environ = dict(line.strip().split("=", 1) for line in lines)
    assert environ == {"MODEL_PATH": str(mlp_path), "MODEL_DEVICE": "cpu"}
    predictor = load_predictor(load_settings({"INPUT_TOPIC": "in", "OUTPUT_TOPIC": "out"} | environ, env_file=None))
    assert predictor.classes == 10
    table = text.split("measured here on cpu\n")[1].splitlines()
    assert [line.split()[0] for line in table] == ["rows", "1", "4"]


def test_programs_get_one_json_object(mlp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(mlp_path), "--device", "cpu", "--untimed", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["served"]["record"] == {"id": "r1", "features": [0.0] * 32}
    assert document["served"]["environment"]["MODEL_PATH"] == str(mlp_path)
    assert document["served"]["timings"] == []
    assert document["contents"]["fingerprint"].startswith("sha256:")
    assert document["signatures"][0]["inputs"] == [{"name": "features", "dtype": "float32", "shape": [None, 32]}]


def test_a_model_that_cannot_be_served_ends_with_1_and_the_reason(
    export: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    path = export(lambda x: {"scores": x[0]}, x=([None, 3], "float32"))
    assert main([str(path), "--device", "cpu"]) == 1
    assert "It cannot be served: no output can hold scores (numbers, [None], " in capsys.readouterr().out


def test_a_path_without_a_model_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr() == ("", f"streamrank: model path {tmp_path / 'nowhere'}: no such folder\n")


@pytest.mark.parametrize(
    "wrong",
    [["--sizes", "8,4"], ["--sizes", "0"], ["--version", "x"], ["--device", "tpu"], ["--sizes", "1", "--untimed"]],
)
def test_wrong_options_end_with_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["/nowhere", *wrong])
    assert ended.value.code == 2
    assert "streamrank inspect: error: argument" in capsys.readouterr().err


def test_a_long_record_is_cut_in_the_text(export: Export, capsys: pytest.CaptureFixture[str]) -> None:
    path = export(lambda x: {"scores": x}, x=([None, 500], "float32"))
    assert main([str(path), "--device", "cpu", "--untimed"]) == 0
    length = len(json.dumps({"id": "r1", "x": [0.0] * 500}))
    assert f"... ({length:,} characters; --json prints them all)\n" in capsys.readouterr().out


def test_a_model_elsewhere_is_looked_at_too(mlp_path: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    files = {str(file.relative_to(mlp_path)): file.read_bytes() for file in mlp_path.rglob("*") if file.is_file()}
    bucket.put("models/mine/3", files)
    url = f"{bucket.url}/models/mine"
    assert main([url, "--device", "cpu", "--untimed", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["version"], document["served"]["environment"]["MODEL_PATH"]) == ("3", url)
    assert main([f"{bucket.url}/nothing"]) == 2
    assert capsys.readouterr().err.startswith(f"streamrank: model path {bucket.url}/nothing: ")
