import numpy as np
import pytest


@pytest.fixture(scope="module")
def plackett_luce(tf):
    from models.race.loss import plackett_luce

    return lambda *given, **named: plackett_luce(*given, **named).numpy()


def plainly(scores, count, top=0.0):
    """The same, place by place."""
    total = weights = 0.0
    for place in range(count):
        chances = np.exp(scores[place:count]) / np.exp(scores[place:count]).sum()
        weight = (place + 1.0) ** -top
        total -= weight * np.log(chances[0])
        weights += weight
    return total / weights


@pytest.mark.parametrize("top", [0.0, 0.5, 1.0])
def test_it_is_what_is_worked_out_place_by_place(plackett_luce, top):
    random = np.random.default_rng(11)
    scores = random.normal(0, 3, (6, 8)).astype(np.float32)
    counts = [2, 3, 5, 7, 8, 8]
    seen = (np.arange(8) < np.array(counts)[:, None]).astype(np.float32)
    wanted = [plainly(row.astype(np.float64), count, top) for row, count in zip(scores, counts, strict=True)]
    np.testing.assert_allclose(plackett_luce(seen, scores, top=top), wanted, rtol=1e-5)


def test_what_stands_behind_the_last_participant_does_not_count(plackett_luce):
    seen = np.array([[1, 1, 1, 0]], np.float32)
    one = plackett_luce(seen, np.array([[1, 2, 3, 0]], np.float32))
    assert one == plackett_luce(seen, np.array([[1, 2, 3, 1e6]], np.float32))


def test_the_right_order_costs_less_than_the_wrong_one(plackett_luce):
    seen = np.ones((1, 4), np.float32)
    right = np.array([[3, 2, 1, 0]], np.float32)
    assert plackett_luce(seen, right) < plackett_luce(seen, right[:, ::-1])


def test_nets_are_judged_each_by_itself(plackett_luce):
    random = np.random.default_rng(12)
    scores = random.normal(size=(3, 2, 5)).astype(np.float32)
    seen = np.ones((3, 1, 5), np.float32)
    both = plackett_luce(seen, scores)
    assert both.shape == (3, 2)
    np.testing.assert_allclose(both[:, 1], plackett_luce(seen[:, 0], scores[:, 1]), rtol=1e-6)
