import os
import signal
import subprocess
import sys

from app.train.command import main
from tests.models.race.races import write_files

SMALL = ["race", "--train-on", "20", "--test-on", "4", "--seed", "5"]


def test_a_version_is_written_and_the_table_printed(tmp_path, capsys):
    assert main([*SMALL, "--out", str(tmp_path / "models")]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "simulated races, seed 5"
    for name in ("model", "order so far", "order before", "ceiling"):
        assert sum(line.startswith(f"{name} ") for line in lines) == 2
    assert lines[-1] == f"written: {tmp_path}/models/1"
    assert (tmp_path / "models" / "1" / "saved_model.pb").is_file()
    assert [one.name for one in (tmp_path / "models").iterdir()] == ["1"]
    assert "epoch" in said.err
    assert "\x1b" not in said.err


def test_races_that_are_not_there_are_named_and_nothing_is_written(tmp_path, capsys):
    out = tmp_path / "models"
    assert main(["race", "--races", str(tmp_path), "--out", str(out)]) == 2
    complaint = capsys.readouterr().err
    assert f"streamrank: {tmp_path}/race_results.csv is missing; a folder of races has lap_times.csv.gz" in complaint
    assert list(out.iterdir()) == []


def test_a_folder_without_races_for_the_test_is_refused(tmp_path, capsys):
    folder = write_files(tmp_path / "races")
    assert main(["race", "--races", str(folder), "--out", str(tmp_path / "models")]) == 2
    assert "no race after round 16 of 2022 for the test" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main([*SMALL, "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err == f"streamrank: {tmp_path}/file: File exists\n"


def test_simulated_races_are_described_without_training(capsys):
    assert main([*SMALL, "--describe"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("4 races, seed 5\n")
    for words in ("margin of the winner", "favourite wins", "finishing speed"):
        assert words in said


def test_ctrl_c_ends_it_and_leaves_nothing(tmp_path):
    command = [sys.executable, "-m", "app", "train", "race", "--out", str(tmp_path / "models")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) as process:
        assert b"reading races" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert complaint.decode().splitlines()[-1] == "streamrank: interrupted"
    assert list((tmp_path / "models").iterdir()) == []
