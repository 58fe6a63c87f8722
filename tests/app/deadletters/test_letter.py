import pytest
from aiokafka import TopicPartition

from app.deadletters.letter import VERDICT, Verdict, replayed_headers
from app.deadletters.place import Place
from app.errors import Reason
from app.records import Outgoing
from tests.app.chunks import TIMESTAMP
from tests.app.deadletters.letters import NOW, letter, outgoing

OWN = (("trace", b"t1"), ("error-reason", b"its own"), ("source-topic", None), ("trace", b"again"))


def test_a_letter_of_the_service_is_told_apart_into_the_record_and_the_verdict() -> None:
    found = letter(outgoing(41, b"value", reason=Reason.BAD_ID, source=TopicPartition("in", 3), headers=OWN), 2, 17)

    assert (found.place, found.timestamp, found.key, found.value) == (Place(2, 17), NOW, b"k", b"value")
    assert found.headers == OWN
    assert found.verdict == Verdict("validate", "bad_id", "record 41 is wrong", "in", 3, 41, TIMESTAMP, "mlp", "3")
    assert found.verdict.source == "in[3]@41"
    assert (found.omitted, found.replay_count, found.is_tombstone) == (None, 0, False)


def test_a_whole_block_of_our_headers_before_ours_is_the_records_own() -> None:
    once = outgoing(reason=Reason.MODEL_ERROR, headers=OWN)
    found = letter(outgoing(reason=Reason.BAD_ID, headers=tuple(once.headers)))

    assert found.headers == tuple(once.headers)
    assert found.verdict is not None
    assert found.verdict.reason == "bad_id"


@pytest.mark.parametrize("last", [("value-omitted", b"12"), ("error-stage", b"x"), ("model-version", b"0")])
def test_a_header_of_the_record_that_bears_one_of_our_names_survives_at_any_place(last: tuple[str, bytes]) -> None:
    assert letter(outgoing(headers=(*OWN, last))).headers == (*OWN, last)
    assert letter(outgoing(value=None, headers=(*OWN, last))).headers == (*OWN, last)


def test_a_value_that_was_left_out_is_no_tombstone() -> None:
    omitted = letter(outgoing(0, b"x" * 3000, headers=OWN, omitted=True))
    tombstone = letter(outgoing(0, None, reason=Reason.EMPTY))

    assert (omitted.value, omitted.omitted, omitted.is_tombstone, omitted.headers) == (None, 3000, False, OWN)
    assert (tombstone.omitted, tombstone.is_tombstone) == (None, True)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        list(OWN),
        [("value-omitted", b"5")],
        outgoing().headers[1:],
        outgoing().headers[:-1],
        [*outgoing().headers, ("more", b"")],
        [*outgoing(value=None).headers, ("value-omitted", b"many")],
        [(name, b"not a number") for name in VERDICT],
        list(reversed(outgoing().headers)),
    ],
)
def test_what_somebody_else_wrote_is_no_letter_of_ours_and_keeps_all_its_headers(
    headers: list[tuple[str, bytes | None]],
) -> None:
    found = letter(Outgoing(b"k", None, headers))

    assert (found.verdict, found.omitted, found.headers) == (None, None, tuple(headers))


def test_a_value_that_is_there_was_not_left_out_whatever_a_header_says() -> None:
    headers = [*outgoing().headers, ("value-omitted", b"5")]
    found = letter(Outgoing(b"k", b"value", headers))

    assert (found.verdict, found.omitted, found.headers) == (None, None, tuple(headers))


def test_a_record_without_a_timestamp_says_so() -> None:
    assert letter(timestamp=-1).timestamp is None


def test_a_replayed_record_has_its_own_headers_and_the_count() -> None:
    assert replayed_headers(letter(outgoing(headers=OWN))) == [*OWN, ("replay-count", b"1")]


def test_the_count_goes_on_and_stands_once() -> None:
    found = letter(outgoing(headers=(("replay-count", b"7"), *OWN, ("replay-count", b"2"))))

    assert found.replay_count == 2
    # Another header of that name is the record's own.
    assert replayed_headers(found) == [("replay-count", b"7"), *OWN, ("replay-count", b"3")]


@pytest.mark.parametrize("value", [None, b"", b"often", b"-1", b"9" * 5000])
def test_a_count_that_is_no_number_of_ours_counts_as_none(value: bytes | None) -> None:
    found = letter(outgoing(headers=(("replay-count", value),)))

    assert found.replay_count == 0
    assert replayed_headers(found) == [("replay-count", value), ("replay-count", b"1")]


def test_a_count_that_is_not_the_last_header_is_the_records_own() -> None:
    found = letter(outgoing(headers=(("replay-count", b"7"), *OWN)))

    assert replayed_headers(found) == [("replay-count", b"7"), *OWN, ("replay-count", b"1")]


@pytest.mark.parametrize("name", ["source-partition", "source-offset", "value-omitted"])
@pytest.mark.parametrize("number", [b"9" * 5000, b"-1", b"1_0"])
def test_numbers_that_count_nothing_make_it_no_letter_of_ours(name: str, number: bytes) -> None:
    whole = outgoing(0, b"x", omitted=True)
    headers = [(each, number if each == name else value) for each, value in whole.headers]

    assert letter(Outgoing(whole.key, whole.value, headers)).verdict is None
