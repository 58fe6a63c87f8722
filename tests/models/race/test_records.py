import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.race.features import FEATURES, features
from models.race.records import records
from tests.models.race.races import made_up


@given(seed=st.integers(0, 2**32 - 1))
def test_they_come_in_order_of_time_and_position_one_for_each_participant_seen(seed):
    race = made_up(np.random.default_rng(seed))
    found = list(records(race))
    assert len(found) == race.running.sum()
    keys = [(record["moment"], record["position"]) for record in found]
    assert keys == sorted(keys)
    assert [record["elapsed"] for record in found] == sorted(record["elapsed"] for record in found)
    assert len({(record["moment"], record["member"]) for record in found}) == len(found)


def test_a_record_is_json_and_holds_exactly_what_the_model_would_be_given():
    race = made_up(np.random.default_rng(5))
    values = features(race)
    for record in records(race):
        again = json.loads(json.dumps(record))
        assert list(again) == ["group", "member", "moment", "elapsed", "position", *FEATURES]
        row = values[record["moment"] - 1, race.members.index(record["member"])]
        assert [np.float32(again[name]) for name in FEATURES] == row.tolist()
        assert type(again["moment"]) is type(again["position"]) is int
        assert again["group"] == "made-up"
