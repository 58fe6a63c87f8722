import json

from benchmarks.cluster import PARTITIONS
from benchmarks.races import RACES, RaceRecords


def test_the_records_of_a_race_go_to_one_partition_with_moments_that_never_go_back() -> None:
    records, later = RaceRecords(), RaceRecords(turn=1)
    partitions: dict[str, set[int]] = {}
    moments: dict[tuple[str, str], int] = {}
    for number in range(30_000):
        value = json.loads(records.value(number))
        assert (value["id"], value["group"].encode()) == (f"r{number}", records.key(number))
        partitions.setdefault(value["group"], set()).add(records.partition(number))
        who = value["group"], value["member"]
        assert value["moment"] > moments.get(who, -1)
        moments[who] = value["moment"]
    assert len(partitions) == RACES
    assert {len(each) for each in partitions.values()} == {1}
    assert set.union(*partitions.values()) == set(range(PARTITIONS))
    assert json.loads(later.value(0))["moment"] > json.loads(records.value(0))["moment"]


def test_how_far_it_is_to_the_next_record_of_a_race() -> None:
    records = RaceRecords()
    last: dict[bytes, int] = {}
    for number in range(20_000):
        if (before := last.get(records.key(number))) is not None:
            assert records.until_next(before) == number - before
        last[records.key(number)] = number
    assert len(last) == RACES


def test_they_have_what_the_model_reads() -> None:
    from models.race.features import FEATURES

    assert set(FEATURES) <= json.loads(RaceRecords().value(0)).keys()
