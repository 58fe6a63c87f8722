import tempfile

import pytest

from app.demo.failure import DemoFailed
from app.demo.workplace import workplace


@pytest.fixture(autouse=True)
def left(tmp_path, monkeypatch):
    """What is left of temporary folders, as a function."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return lambda: list(tmp_path.iterdir())


def test_nothing_is_left_when_all_went_well(left):
    with workplace() as folder:
        (folder / "log").write_text("")
    assert left() == []


def test_the_folder_of_a_failure_stays_and_is_named(left):
    with pytest.raises(DemoFailed) as failure, workplace():
        raise DemoFailed("no luck")
    assert str(failure.value) == f"no luck\nModel and logs are in {left()[0]}"


def test_a_traceback_goes_to_a_file_that_is_named(left):
    with pytest.raises(DemoFailed, match="unexpected happened: ZeroDivision") as failure, workplace():
        _ = 1 / 0
    report = left()[0] / "traceback.txt"
    assert str(report) in str(failure.value)
    assert "ZeroDivisionError" in report.read_text()


@pytest.mark.parametrize("end", [KeyboardInterrupt, BrokenPipeError])
def test_nothing_is_left_when_the_user_has_seen_enough(left, end):
    with pytest.raises(end), workplace():
        raise end
    assert left() == []
