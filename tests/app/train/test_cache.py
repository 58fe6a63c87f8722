import pytest

from app.train.cache import _move, cached_race_model, fingerprint
from app.train.failure import TrainingFailed
from models.race.features import FEATURES


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("cache") / "not there yet"


@pytest.fixture(scope="module")
def trained(kept):
    told = []
    place = cached_race_model(seed=3, trained_on=20, folder=kept, on_progress=lambda *given: told.append(given))
    return place, told


def test_a_model_is_trained_and_can_be_served(trained):
    from models.loader import load

    place, told = trained
    assert told[0] == (0.0, "reading races")
    assert told[-1][0] == 1
    assert {spec.name for spec in load(place, top_k=0, device="cpu").signature.inputs} == set(FEATURES)


def test_the_second_time_it_is_found(trained, kept):
    def never(*given):
        raise AssertionError(f"it trains again: {given}")

    place, _ = trained
    assert cached_race_model(seed=3, trained_on=20, folder=kept, on_progress=never) == place
    assert list(kept.iterdir()) == [place]


def test_whoever_is_second_to_end_takes_the_model_of_the_first(tmp_path):
    for name in ("made", "place"):
        (tmp_path / name / "1").mkdir(parents=True)
        (tmp_path / name / "1" / "saved_model.pb").write_text(name)
    _move(tmp_path / "made", tmp_path / "place")
    assert (tmp_path / "place" / "1" / "saved_model.pb").read_text() == "place"
    (tmp_path / "place" / "1" / "saved_model.pb").unlink()
    _move(tmp_path / "made", tmp_path / "place")
    assert (tmp_path / "place" / "1" / "saved_model.pb").read_text() == "made"


def test_all_that_determines_it_counts():
    assert fingerprint(3, 20) == fingerprint(3, 20)
    assert len({fingerprint(3, 20), fingerprint(4, 20), fingerprint(3, 21)}) == 3


def test_a_change_of_the_code_counts(monkeypatch, tmp_path):
    before = fingerprint(3, 20)
    (tmp_path / "race.py").write_text("other code")
    monkeypatch.setattr("models.race.__path__", [str(tmp_path)])
    assert fingerprint(3, 20) != before


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingFailed, match="file/races: Not a directory; XDG_CACHE_HOME names another place"):
        cached_race_model(folder=tmp_path / "file" / "races", on_progress=print)
