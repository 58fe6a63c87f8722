"""Standings through the service, with a crash and rebalances, beside a recomputation in dicts."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.e2e.service import environment, rank_over_a_crash

SEED, RECORDS, PARTITIONS, GROUPS, MEMBERS = 72, 100_000, 4, 40, 12

Ranking = list[tuple[str, float, int | None]]


def made_up() -> list[Record]:
    """Records of many groups, some of them tombstones."""
    print(f"seed: {SEED}")
    random = np.random.default_rng(SEED)
    groups, members = random.integers(0, GROUPS, RECORDS), random.integers(0, MEMBERS, RECORDS)
    speeds = (random.integers(0, 40, RECORDS).astype(np.float32) / np.float32(8)).tolist()  # with ties
    laps, ends = random.integers(0, 3, RECORDS), random.random(RECORDS) < 0.001
    clocks: dict[tuple[int, str], int] = defaultdict(int)
    records: list[Record] = []
    for number, (group, speed) in enumerate(zip(groups.tolist(), speeds, strict=True)):
        key, member = b"race-%d" % group, f"h{members[number]}"
        clocks[group, member] += int(laps[number])
        value = {"id": number, "group": key.decode(), "member": member, "speed": speed, "lap": clocks[group, member]}
        written = None if ends[number] else json.dumps(value).encode()
        records.append(Record(written, key=key, partition=group % PARTITIONS))
    return records


def recomputed(records: Mapping[int, Record], firsts: Mapping[int, int]) -> dict[int, Ranking | None]:
    """The ranking that each of *records* publishes, by its number, in the plainest way; None for a tombstone.

    *firsts* has the number of the first record that each of them stands for.
    """
    newest: dict[bytes, dict[str, tuple[float, int]]] = defaultdict(dict)
    before: dict[bytes, list[str]] = defaultdict(list)
    rankings: dict[int, Ranking | None] = {}
    for number, record in records.items():
        known = newest[record.key]
        if record.value is None:
            known.clear()
            before[record.key] = []
            rankings[number] = None
            continue
        value = json.loads(record.value)
        member = value["member"]
        known[member] = (value["speed"] * 1.5, known[member][1] if member in known else firsts.get(number, number))
        order = sorted(known, key=lambda name: (-known[name][0], known[name][1]))
        places = {name: place for place, name in enumerate(before[record.key])}
        rankings[number] = [
            (name, known[name][0], places[name] - now if name in places else None) for now, name in enumerate(order)
        ]
        before[record.key] = order
    return rankings


def ranking_in(value: bytes | None) -> Ranking | None:
    return (
        None
        if value is None
        else [(each["label"], each["score"], each["change"]) for each in json.loads(value)["predictions"]]
    )


@pytest.mark.needs_apache_kafka
@pytest.mark.parametrize(
    ("guarantee", "conflate"), [("at_least_once", "true"), ("exactly_once", "false"), ("exactly_once", "true")]
)
def test_standings_are_those_of_a_plain_recomputation_over_a_crash_and_rebalances(
    guarantee: str, conflate: str, topics: Topics, runners: Path, tmp_path: Path
):
    records = made_up()
    variables = environment(topics, runners) | {
        "RANK_BY": "standings",
        "RANK_TOP_K": "0",
        "STANDINGS_CONFLATE": conflate,
        "STANDINGS_ORDER_FIELD": "lap",
        "PROCESSING_GUARANTEE": guarantee,
        "KAFKA_SESSION_TIMEOUT_MS": "6000",
    }
    rank_over_a_crash(topics, variables, records, tmp_path)
    outputs = topics.client.read_all(topics.output)
    numbers = offset_numbers(records)
    answered = [numbers[each] for output in outputs for each in offsets_of(output.headers)]
    assert set(answered) == set(range(RECORDS))
    assert topics.client.read_all(topics.dead_letters) == []
    own = {numbers[offsets_of(output.headers)[0]]: output for output in outputs}
    assert conflate == "true" or len(own) == RECORDS
    # What was worked on, in its order, and what each of these must have published.
    firsts = {number: min(numbers[each] for each in offsets_of(output.headers)) for number, output in own.items()}
    expected = recomputed({number: records[number] for number in sorted(own)}, firsts)
    if guarantee == "exactly_once":
        assert (len(answered), len(outputs)) == (RECORDS, len(own))
        assert {number: ranking_in(output.value) for number, output in own.items()} == expected
    # The last word of every group is what it would have been if each record had been worked on.
    final = {output.key: told(ranking_in(output.value)) for output in outputs}
    plain = recomputed(dict(enumerate(records)), {})
    assert final == {records[number].key: told(ranking) for number, ranking in plain.items()}


def told(ranking: Ranking | None) -> list[tuple[str, float]] | None:
    """Members and scores, in order."""
    return None if ranking is None else [(name, score) for name, score, _ in ranking]


def offset_numbers(records: Sequence[Record]) -> dict[tuple[int, int], int]:
    """The number of each record by its partition and offset, when they are written in order."""
    counts = dict.fromkeys(range(PARTITIONS), 0)
    numbers = {}
    for number, record in enumerate(records):
        numbers[record.partition, counts[record.partition]] = number
        counts[record.partition] += 1
    return numbers


def offsets_of(headers: Any) -> list[tuple[int, int]]:
    """The records that an output answers for."""
    told = dict(headers)
    partition = int(told["source-partition"])
    offsets = [int(told["source-offset"])]
    for part in filter(None, told.get("superseded-offsets", b"").decode().split(",")):
        first, _, last = part.partition("-")
        offsets += range(int(first), int(last or first) + 1)
    return [(partition, offset) for offset in offsets]
