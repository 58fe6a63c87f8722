from app.deadletters.place import Place
from app.deadletters.tally import Tally


def test_what_was_not_written_is_told_by_cause_with_the_first_places() -> None:
    tally = Tally()
    tally.written, tally.passed_over, tally.tombstones = 2, 1, 1200
    for offset in range(7):
        tally.refuse(Place(1, offset), "too large")
    tally.refuse(Place(2, 0), "invalid")

    assert (tally.refused, tally.seen) == (8, 1211)
    assert list(tally.lines()) == [
        "1 letter passed over: no match",
        "1,200 letters passed over: tombstones; ask for them with --reason empty or --place",
        "7 letters not replayed: too large (1@0, 1@1, 1@2, 1@3, 1@4 and 2 more)",
        "1 letter not replayed: invalid (2@0)",
    ]


def test_there_is_nothing_to_say_when_all_were_written() -> None:
    tally = Tally()
    tally.written = 3
    assert list(tally.lines()) == []
