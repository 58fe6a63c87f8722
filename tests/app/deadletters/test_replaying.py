"""`streamrank dead-letters replay`, on each kind of broker: what is written, what is not, and where it goes on."""

import time

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import TransactionalIdAuthorizationFailed

from app.deadletters import replaying
from app.deadletters.job import Job
from app.errors import PublishFailed, Reason
from tests.app.deadletters.letters import letters_from, outgoing, written
from tests.app.kafka.links import variables_for
from tests.broker.records import Record
from tests.broker.secure_kafka import SecureKafka
from tests.broker.topics import Topics, fresh_topics

REASONS = (Reason.WRONG_SHAPE, Reason.MODEL_ERROR, Reason.INVALID_JSON)


def write(topics: Topics, count: int, **how: object) -> None:
    topics.client.write(topics.dead_letters, letters_from(topics.input, count, **how))


def replayed(topics: Topics, topic: str = "") -> list[int]:
    """The numbers of the records in the input topic, by partition and offset."""
    return [int((each.key or b"").removeprefix(b"key-")) for each in topics.client.read_all(topic or topics.input)]


def by_partition(*numbers: int) -> list[int]:
    return sorted(numbers, key=lambda number: (number % 4, number))


def test_every_record_goes_back_to_its_partition_as_it_was_and_with_a_count(any_topics: Topics, dead_letters) -> None:
    topics = any_topics
    write(topics, 700, reasons=REASONS)
    began = time.time() * 1000

    done = dead_letters(topics)("replay")

    records = topics.client.read_all(topics.input)
    assert (done.status, done.out) == (0, "")
    assert done.said[-1].startswith(f"700 records written to {topics.input} in ")
    assert [(each.partition, each.key, each.value) for each in records] == [
        (number % 4, b"key-%d" % number, b'{"id": "r%d"}' % number) for number in by_partition(*range(700))
    ]
    for each in records:
        number = (each.key or b"").removeprefix(b"key-")
        assert each.headers == (("trace", b"t" + number), ("error-reason", b"its own"), ("replay-count", b"1"))
        assert each.timestamp is not None
        assert began - 1000 <= each.timestamp <= time.time() * 1000 + 1000


def test_nothing_is_replayed_twice_and_new_letters_are(any_topics: Topics, dead_letters) -> None:
    topics, run = any_topics, dead_letters(any_topics)
    write(topics, 20)
    assert run("replay").status == 0
    again = run("replay")
    assert again.status == 0
    group = f"{topics.group}.replay"
    assert again.said[-1] == (
        f"nothing is left to replay: that is the progress of group {group}; --from-beginning sets it back"
    )
    topics.client.write(topics.dead_letters, letters_from(topics.input, 24)[20:])
    assert run("replay").said[-1].startswith("4 records written")
    assert replayed(topics) == by_partition(*range(24))
    assert topics.client.committed_offsets(topics.dead_letters, group) == dict.fromkeys(range(4), 6)


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        (["--reason", "model_error"], [1, 4, 7, 10]),
        (["--stage", "validate", "--stage", "decode"], [0, 2, 3, 5, 6, 8, 9, 11]),
        (["--source-partition", "3", "--reason", "wrong_shape"], [3]),
        (["--source-offset", "5"], [5]),
        (["--place", "1@2", "--place", "0@0"], [0, 9]),
        (["--until", "1h"], []),
        (["--since", "1h", "--limit", "5"], [0, 1, 2, 3, 4]),
    ],
)
def test_only_what_matches_is_written(topics: Topics, dead_letters, filters: list[str], numbers: list[int]) -> None:
    write(topics, 12, reasons=REASONS)
    run = dead_letters(topics)

    assert run("replay", *filters).status == 0
    assert replayed(topics) == by_partition(*numbers)
    if "--limit" not in filters:
        run("replay", *filters)
        assert replayed(topics) == by_partition(*numbers)


def test_another_filter_finds_what_the_first_one_passed_over(any_topics: Topics, dead_letters) -> None:
    topics, run = any_topics, dead_letters(any_topics)
    write(topics, 12, reasons=REASONS)

    for reason, words in (("invalid_json", "4"), ("wrong_shape", "4"), ("model_error", "4"), ("wrong_shape", "0")):
        assert f"{words} records written to {topics.input}" in run("replay", "--reason", reason).err
    assert sorted(replayed(topics)) == list(range(12))


def test_a_group_of_ones_own_is_one_progress_for_all_filters(topics: Topics, dead_letters) -> None:
    write(topics, 12, reasons=REASONS)
    run = dead_letters(topics)

    run("replay", "--group", "mine", "--reason", "model_error")
    assert sorted(replayed(topics)) == [1, 4, 7, 10]
    # Of each partition what stands behind the last letter that matched.
    run("replay", "--group", "mine")
    assert sorted(replayed(topics)) == [1, 4, 5, 7, 8, 9, 10, 11]
    assert (
        run("replay", "--group", "mine")
        .said[-1]
        .startswith("nothing is left to replay: that is the progress of group mine;")
    )


def test_what_follows_the_last_match_is_not_progress(topics: Topics, dead_letters) -> None:
    """So that a filter which more letters match tomorrow (--until 1d) finds them."""
    write(topics, 12, reasons=REASONS)
    group = "mine"

    dead_letters(topics)("replay", "--group", group, "--source-offset", "5")

    assert topics.client.committed_offsets(topics.dead_letters, group) == {1: 2}


def test_from_the_beginning_writes_all_of_it_again_and_goes_on_from_there(any_topics: Topics, dead_letters) -> None:
    topics, run = any_topics, dead_letters(any_topics)
    write(topics, 12)
    run("replay")
    assert run("replay", "--from-beginning", "--limit", "2").said[-1].startswith("2 records written")
    assert run("replay").said[-1].startswith("10 records written")
    assert sorted(replayed(topics)) == sorted([*range(12), *range(12)])


def test_a_limit_takes_the_oldest_of_all_partitions_and_the_next_run_goes_on(any_topics: Topics, dead_letters) -> None:
    topics, run = any_topics, dead_letters(any_topics)
    write(topics, 40)
    for limit in (5, 2, 30):
        assert f"{limit} records written" in run("replay", "--limit", str(limit)).err
        assert sorted(replayed(topics)) == list(range(len(replayed(topics))))
    run("replay")
    assert replayed(topics) == by_partition(*range(40))


def test_a_dry_run_tells_what_it_would_do_and_does_nothing(any_topics: Topics, dead_letters) -> None:
    topics, run = any_topics, dead_letters(any_topics)
    write(topics, 12, reasons=REASONS)

    done = run("replay", "--dry-run", "--reason", "model_error")

    assert done.status == 0
    assert [line.split() for line in done.lines] == [
        [
            *(f"{number % 4}@{number // 4}", "model_error", "to", f"{topics.input}[{number % 4}]"),
            *("replay-count", "1", "key", f"key-{number}"),
        ]
        for number in (1, 4, 7, 10)
    ]
    assert done.said == [f"4 records would be written to {topics.input}", "8 letters passed over: no match"]
    assert replayed(topics) == []
    for number, each in enumerate(run("replay", "--reason", "model_error").said):
        assert each.startswith(("this broker has no transactions", "4 records written", "8 letters passed"))
        assert number < 3
    assert run("replay", "--dry-run", "--reason", "model_error").out == ""


def test_what_cannot_be_replayed_is_counted_by_cause_and_passed(any_topics: Topics, dead_letters) -> None:
    topics, run = any_topics, dead_letters(any_topics)
    ours, other = TopicPartition(topics.input, 1), TopicPartition("elsewhere", 1)
    now = int(time.time() * 1000) - 10_000
    topics.client.write(
        topics.dead_letters,
        [
            written(outgoing(0, source=ours), 1, now + 1000),
            written(outgoing(1, b"x" * 100, source=ours, omitted=True), 1, now + 2000),
            written(outgoing(2, source=other), 1, now + 3000),
            Record(b"not ours", partition=2, timestamp=now + 4000),
            written(outgoing(3, None, reason=Reason.EMPTY, source=ours), 3, now + 5000),
            written(outgoing(4, b"", reason=Reason.EMPTY, source=ours), 3, now + 6000),
        ],
    )

    done = run("replay")

    assert done.status == 1
    said = [line for line in done.said if not line.startswith("this broker has no transactions")]
    assert said[0].startswith(f"2 records written to {topics.input} in ")
    assert said[1:] == [
        "1 letter passed over: tombstones; ask for them with --reason empty or --place",
        "1 letter not replayed: their values were left out as too large; send the originals again, if there are any "
        "(1@1)",
        f"1 letter not replayed: they come from elsewhere, not from INPUT_TOPIC={topics.input}; "
        "--source-topic elsewhere --to TOPIC writes them, and no others, to TOPIC (1@2)",
        "1 letter not replayed: this service did not write them (2@0)",
    ]
    assert [each.value for each in topics.client.read_all(topics.input)] == [b"{}", b""]
    assert run("replay").status == 0


def test_where_the_progress_may_have_been_forgotten_nothing_is_written_unasked(
    any_topics: Topics, dead_letters
) -> None:
    topics, run = any_topics, dead_letters(any_topics)
    source, now = TopicPartition(topics.input, 0), int(time.time() * 1000)
    old, young = (
        written(outgoing(number, source=source), 0, now - days * 86_400_000) for number, days in ((0, 8), (1, 6))
    )
    topics.client.write(topics.dead_letters, [old, young])

    for options in ([], ["--yes"], ["--dry-run"]):
        refused = run("replay", *options)
        assert refused.status == 1
        assert "Kafka forgets a progress after a week" in refused.err
    assert topics.client.read_all(topics.input) == []
    # The progress of another partition says nothing of this one.
    topics.client.write(topics.dead_letters, [written(outgoing(2, source=source), 1, now)])
    topics.client.commit(topics.dead_letters, f"{topics.group}.replay", {1: 0})
    assert "from partition 0" in run("replay").err
    assert run("replay", "--since", "7d").status == 0
    assert len(topics.client.read_all(topics.input)) == 2
    assert run("replay", "--from-beginning").status == 0
    assert run("replay").said[-1].startswith("nothing is left")
    assert len(topics.client.read_all(topics.input)) == 5


@pytest.mark.parametrize("filters", [["--reason", "empty"], ["--place", "3@0"]])
def test_a_tombstone_is_replayed_where_it_is_asked_for(topics: Topics, dead_letters, filters: list[str]) -> None:
    letter = outgoing(3, None, reason=Reason.EMPTY, source=TopicPartition(topics.input, 2))
    topics.client.write(topics.dead_letters, [written(letter, 3)])

    assert dead_letters(topics)("replay", *filters).status == 0
    (record,) = topics.client.read_all(topics.input)
    assert (record.partition, record.key, record.value) == (2, b"k", None)


def test_another_topic_takes_letters_from_anywhere_and_has_a_progress_of_its_own(topics: Topics, dead_letters) -> None:
    write(topics, 8)
    foreign = outgoing(8, source=TopicPartition("elsewhere", 1), key=b"key-8")
    topics.client.write(topics.dead_letters, [written(foreign, 1)])
    run = dead_letters(topics)

    assert run("replay", "--to", topics.output).status == 0
    assert sorted(replayed(topics, topics.output)) == list(range(9))
    assert run("replay").status == 1
    assert sorted(replayed(topics)) == list(range(8))
    assert "1 record written" in run("replay", "--to", topics.output, "--source-topic", "elsewhere").err
    refused = run("replay", "--to", topics.dead_letters)
    assert (refused.status, refused.said) == (2, [f"--to {topics.dead_letters}: this is where the letters come from"])
    missing = run("replay", "--to", "nowhere")
    assert (missing.status, missing.said) == (2, ["there is no topic nowhere"])


@pytest.mark.needs_apache_kafka
def test_what_the_broker_refuses_is_told_and_its_neighbours_are_written(topics: Topics, dead_letters) -> None:
    small, compacted = f"{topics.output}-small", f"{topics.output}-compacted"
    topics.client.create(small, config={"max.message.bytes": "2000"})
    topics.client.create(compacted, config={"cleanup.policy": "compact"})
    source = TopicPartition(topics.input, 0)
    letters = [
        outgoing(0, source=source),
        outgoing(1, b"x" * 3000, source=source, key=None),
        outgoing(2, source=source),
    ]
    topics.client.write(topics.dead_letters, [written(each, 0) for each in letters])
    run = dead_letters(topics)

    too_large, invalid = run("replay", "--to", small), run("replay", "--to", compacted)

    assert (too_large.status, invalid.status) == (1, 1)
    assert too_large.said[1:] == [
        f"1 letter not replayed: {small} refuses them as too large; raise its max.message.bytes; "
        "once that is mended, replay them with --place 0@1"
    ]
    assert "refuses them as invalid; a compacted topic takes no record without a key; once" in invalid.said[1]
    assert [len(topics.client.read_all(topic)) for topic in (small, compacted)] == [2, 2]
    assert run("replay", "--to", small).said[-1].startswith("nothing is left")
    assert run("replay", "--to", topics.input, "--place", "0@1").status == 0
    assert [len(each.value or b"") for each in topics.client.read_all(topics.input)] == [3000]
    topics.client.delete(small, compacted)


def test_the_rate_is_kept(any_topics: Topics, dead_letters) -> None:
    write(any_topics, 40)
    run = dead_letters(any_topics)
    began = time.monotonic()
    assert run("replay", "--rate", "50").status == 0
    # The first five go at once.
    assert time.monotonic() - began >= 35 / 50
    assert replayed(any_topics) == by_partition(*range(40))


def test_a_topic_that_was_made_anew_begins_anew(any_topics: Topics, dead_letters) -> None:
    topics, run = any_topics, dead_letters(any_topics)
    write(topics, 8)
    topics.client.commit(topics.dead_letters, f"{topics.group}.replay", dict.fromkeys(range(4), 1000))
    assert run("replay").status == 0
    assert len(replayed(topics)) == 8


@pytest.mark.needs_apache_kafka
def test_what_retention_has_deleted_is_passed(topics: Topics, dead_letters) -> None:
    write(topics, 8)
    run = dead_letters(topics)
    run("replay", "--limit", "1")
    topics.client.delete_records(topics.dead_letters, 0, 1)
    topics.client.delete_records(topics.dead_letters, 1, 1)
    assert run("replay").status == 0
    assert sorted(replayed(topics)) == [0, 2, 3, 4, 5, 6, 7]


def test_fewer_partitions_than_the_record_came_from_are_no_obstacle(kafka, dead_letters) -> None:
    with fresh_topics(kafka, partitions=2) as topics:
        topics.client.write(
            topics.dead_letters,
            [
                written(outgoing(each, source=TopicPartition(topics.input, 3), key=b"key-%d" % each))
                for each in range(9)
            ],
        )
        assert dead_letters(topics)("replay").status == 0
        assert sorted(replayed(topics)) == list(range(9))


class Answering:
    """Somebody at a terminal."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.answer


def seat(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Let somebody sit at the terminal, who says no."""
    somebody = Answering("no\n")
    monkeypatch.setattr(replaying.sys, "stdin", somebody)
    monkeypatch.setattr(replaying.sys.stderr, "isatty", lambda: True)
    return somebody


def test_on_a_terminal_many_records_are_written_only_when_somebody_says_so(
    topics: Topics, dead_letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(topics, 101)
    run, somebody = dead_letters(topics), seat(monkeypatch)

    for somebody.answer in ("no\n", "\n", ""):
        refused = run("replay")
        assert (refused.status, replayed(topics)) == (1, [])
        assert f"Write 101 records to {topics.input}? [y/N] " in refused.err
        assert refused.err.endswith("nothing was written\n")
    somebody.answer = "y\n"
    assert run("replay").status == 0
    assert len(replayed(topics)) == 101


def test_on_a_terminal_a_few_records_are_written_without_a_question(
    topics: Topics, dead_letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(topics, 101)
    run = dead_letters(topics)
    seat(monkeypatch)
    assert "[y/N]" not in run("replay", "--limit", "100").err
    assert "[y/N]" not in run("replay").err
    assert "[y/N]" not in run("replay", "--from-beginning", "--yes").err
    assert len(replayed(topics)) == 202


@pytest.mark.needs_apache_kafka
def test_a_secured_broker_is_reached_with_the_services_variables(
    secure_kafka: SecureKafka, dead_letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_topics(secure_kafka) as topics:
        write(topics, 8)
        run = dead_letters(topics)
        for name, value in variables_for(secure_kafka, "SASL_TLS", "SCRAM-SHA-512").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", secure_kafka.address("SASL_TLS"))
        assert len(run("list").lines) == 9
        assert run("replay").status == 0
        assert replayed(topics) == by_partition(*range(8))


def test_rights_that_a_replay_lacks_are_named(topics: Topics, dead_letters, monkeypatch: pytest.MonkeyPatch) -> None:
    async def denied(*_: object) -> None:
        raise PublishFailed("refused") from TransactionalIdAuthorizationFailed("id")

    monkeypatch.setattr(Job, "carry_out", denied)
    done = dead_letters(topics)("replay")
    group = f"{topics.group}.replay"
    assert done.status == 3
    assert done.said[-1].endswith(
        f"a replay needs Read on {topics.dead_letters} and on the group {group}, Write on {topics.input}, Write and "
        f"Describe on transactional ids that begin with {group}/"
    )


def test_a_topic_that_takes_nothing_ends_it_with_1(
    topics: Topics, dead_letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> None:
        raise PublishFailed("in[0]: the broker refuses: InvalidRequiredAcks")

    monkeypatch.setattr(Job, "carry_out", refused)
    done = dead_letters(topics)("replay")
    assert (done.status, done.said) == (1, ["in[0]: the broker refuses: InvalidRequiredAcks"])


def test_without_transactions_it_says_so_before_it_begins(tansu, dead_letters) -> None:
    with fresh_topics(tansu) as topics:
        write(topics, 4)
        said = dead_letters(topics)("replay").said
    assert said[0].startswith("this broker has no transactions: every record is written at least once")


def test_with_transactions_nothing_is_said_of_them(topics: Topics, dead_letters) -> None:
    if topics.client.broker.transactions:
        write(topics, 4)
        assert "transactions" not in dead_letters(topics)("replay").err
