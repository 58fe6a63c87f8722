import numpy as np
import pytest

from models.race.evaluation import measure, summarize, surprise
from models.race.features import FEATURES, features
from models.race.network import Settings
from models.race.simulator import simulate
from models.signature import TensorSpec
from tests.models.race.races import made_up, real_races

SEED = 77


def score_of(races, *strengths):
    return summarize(races, measure(races, *strengths))


@pytest.fixture(scope="module")
def unseen():
    return [one.race for one in simulate(60, seed=SEED + 1)]


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def model(tf, told):
    from models.race.training import train

    races = [one.race for one in simulate(250, seed=SEED)]
    settings = Settings(hidden=(16,), nets=2, epochs=6, sharpness=1.2)
    return train(races, settings, seed=SEED, on_epoch=lambda *given: told.append(given))


def test_a_gpu_is_chosen_as_the_service_does_so_that_it_takes_no_more_memory_than_it_needs(tf, monkeypatch):
    from models.race.training import train

    class Chosen(Exception):
        """Enough is known."""

    def choose(wanted):
        assert wanted == "auto"
        raise Chosen

    monkeypatch.setattr("models.device.choose_device", choose)
    with pytest.raises(Chosen):
        train([], Settings(), seed=SEED)


def test_it_beats_the_order_so_far_and_the_market_on_races_it_has_not_seen(model, unseen):
    learnt = score_of(unseen, [model.scores(race) for race in unseen])
    current = score_of(unseen, [-race.position.astype(float) for race in unseen])
    market = score_of(unseen, [np.broadcast_to(-race.prior.astype(float), race.position.shape) for race in unseen])
    for figures in ("spearman", "winner"):
        mean = getattr(learnt, figures)[-1].mean
        assert mean > getattr(current, figures)[-1].mean + 0.05
        assert mean > getattr(market, figures)[-1].mean + 0.05


def test_its_chances_surprise_less_than_those_of_the_market(model, unseen):
    learnt = np.concatenate([surprise(model.scores(race), race) for race in unseen])
    odds = [np.broadcast_to(race.known["form"], race.position.shape) for race in unseen]
    market = np.concatenate([surprise(given, race) for given, race in zip(odds, unseen, strict=True)])
    assert learnt.mean() < market.mean() - 0.1


def test_what_is_exported_scores_a_row_as_keras_scores_the_race(model, unseen, tmp_path, load):
    model.export(tmp_path / "1")
    predictor = load(tmp_path, top_k=0)
    assert {spec.name for spec in predictor.signature.inputs} == set(FEATURES)
    assert set(predictor.signature.inputs) == {TensorSpec(name, "float32", ()) for name in FEATURES}
    for race in unseen[:3]:
        rows = features(race)[race.running]
        answers = predictor.predict({name: rows[:, index] for index, name in enumerate(FEATURES)})
        assert answers.scores.shape == (len(rows), 1)
        np.testing.assert_allclose(answers.scores[:, 0], model.scores(race)[race.running], rtol=1e-4, atol=1e-5)


def test_who_else_is_in_a_batch_does_not_matter(model, unseen, tmp_path, load):
    model.export(tmp_path / "1")
    predictor = load(tmp_path, top_k=0)
    rows = features(unseen[0])[unseen[0].running]
    columns = {name: rows[:, index] for index, name in enumerate(FEATURES)}
    together = predictor.predict(columns).scores
    alone = [predictor.predict({name: values[i : i + 1] for name, values in columns.items()}).scores[0] for i in (0, 5)]
    np.testing.assert_allclose(np.array(alone), together[[0, 5]], rtol=1e-4, atol=1e-5)


def test_training_tells_how_far_it_is(model, told):
    assert [epoch for epoch, _ in told] == [1, 2, 3, 4, 5, 6]
    assert told[-1][1] < told[0][1]


def test_the_same_seed_gives_the_same_model(tf, unseen):
    from models.race.training import train

    races = [one.race for one in simulate(20, seed=SEED)]
    one, two = (train(races, Settings(hidden=(4,), epochs=1), seed=3).scores(unseen[0]) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_a_race_is_scored_where_participants_were_seen_and_nowhere_else(model):
    race = made_up(np.random.default_rng(1))
    scores = model.scores(race)
    assert scores.shape == race.running.shape
    assert np.isfinite(scores).all()
    assert not scores[~race.running].any()


def test_on_real_races_it_beats_the_order_so_far_and_the_grid(tf):
    from models.race.laps import read_laps, split
    from models.race.training import train

    # Of the races to train on alone: those of the test are for `streamrank train race --races`.
    races, _ = split(read_laps(real_races()))
    learnt_from, others = races[:28], races[28:]
    settings = Settings(hidden=(16,), epochs=8, batch=64, rate=3e-3, decay=0.1, dropout=0.3)
    model = train(learnt_from, settings, seed=SEED)
    learnt = score_of(others, [model.scores(race) for race in others])
    current = score_of(others, [-race.position.astype(float) for race in others])
    grid = score_of(others, [np.broadcast_to(-race.prior.astype(float), race.position.shape) for race in others])
    assert learnt.spearman[-1].mean > max(current.spearman[-1].mean, grid.spearman[-1].mean)
