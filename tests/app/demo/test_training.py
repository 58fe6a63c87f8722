from app.demo import training
from app.demo.training import model_for
from tests.app.demo.races import write_real_races


def test_the_second_time_the_model_is_cached_and_it_says_since_when(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(training, "TRAINED_ON", 20)
    told = []
    first, words = model_for(4, tmp_path, lambda *given: told.append(given))
    assert told
    assert words == "trained with Keras on 20 simulated races, just now"
    told.clear()
    second, words = model_for(4, tmp_path, lambda *given: told.append(given))
    assert (first, told) == (second, [])
    assert words.startswith("trained with Keras on 20 simulated races, on 2")
    assert words.endswith(", and cached")


def test_a_model_for_real_races_is_trained_in_the_demos_own_folder(tmp_path):
    laps = write_real_races(tmp_path / "races")
    (tmp_path / "work").mkdir()
    folder, _ = model_for(laps, tmp_path / "work", lambda *_: None)
    assert folder == tmp_path / "work" / "race"
    assert (folder / "1" / "saved_model.pb").is_file()
