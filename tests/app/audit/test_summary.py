import json

import numpy as np
import pytest

from app.audit.book import Span
from app.audit.ledger import Ledger
from app.audit.ranges import Ranges
from app.audit.report import Guarantee, Report
from app.audit.summary import as_json, as_text


def ranges(*offsets: int) -> Ranges:
    return Ranges.of(np.array(offsets, np.int64))


def report(answers: dict[int, list[int]], guarantee: str = "exactly_once", **more) -> Report:
    """Two partitions of ten records; *answers* are those in the output partition of the same number."""
    ledger = Ledger({0: Span(0, 10, 12), 1: Span(5, 15, 15)})
    ledger.record(0, np.arange(10))
    ledger.record(1, np.arange(5, 15))
    for partition, offsets in answers.items():
        ledger.place(f"out[{partition}]").answer(np.full(len(offsets), partition), np.array(offsets))
    return Report("in", Guarantee(guarantee), ledger.accounts(), **{"strangers": {}, **more})


WELL = {0: [*range(10)], 1: [*range(5, 15)]}
BADLY = {0: [0, 2, 1, 4, 4, 6, 8, 10, 11], 1: [3, *range(5, 15), 99]}


def test_what_is_well_is_said_in_a_table_and_a_line():
    assert list(as_text(report(WELL))) == [
        "in, by exactly_once:",
        "partition  offsets  records  answered  missing  repeated  out of order  foreign",
        "        0      0-9       10        10        0         0             0        0",
        "        1     5-14       10        10        0         0             0        0",
        "    total                20        20        0         0             0        0",
        "",
        "ok: every record is answered once, in order",
    ]


def test_what_is_wrong_is_listed_by_partition():
    lines = list(as_text(report(BADLY, strangers={"out[1]": ranges(3, 4)}, notes=("something besides",))))
    assert lines[2:] == [
        "        0      0-9       10         6        4         1             1        0",
        "        1     5-14       10        10        0         0             0        1",
        "    total                20        16        4         1             1        1",
        "",
        "missing, without a prediction or a dead letter:",
        "  in[0]: 3, 5, 7, 9",
        "",
        "answered more than once:",
        "  in[0]: 4",
        "",
        "out of order, after a later record of their partition:",
        "  in[0] in out[0]: 1",
        "",
        "foreign, named although in does not have them:",
        "  in[1]: 99",
        "",
        "foreign, naming no record of in:",
        "  out[1]: 3-4",
        "",
        "note: something besides",
        "note: 1 answers name records of in before those that were looked at, or deleted since",
        "note: 2 answers name records of in beyond those that were looked at",
        "VIOLATED: 4 records without an answer; 1 record answered more than once; 1 answer out of order; "
        "1 offset named that in does not have; 2 outputs naming no record of in",
    ]


def test_lists_are_cut_unless_all_is_asked_for():
    every_other = report({0: [1, 3, 5, 7, 9]})
    assert "  in[0]: 0, 2 and 3 more" in list(as_text(every_other, 2))
    assert "  in[0]: 0, 2, 4, 6, 8" in list(as_text(every_other, None))


def test_repetitions_are_no_fault_where_they_are_allowed():
    again = report({0: [0, 1, 0, 1, *range(2, 10)], 1: WELL[1]}, "at_least_once")
    assert (
        list(as_text(again))[-1] == "ok: every record is answered, in order; 2 of them more than once, which is allowed"
    )


def test_a_partition_of_which_nothing_was_looked_at_says_so():
    ledger = Ledger({0: Span(3, 3, 9)})
    lines = list(as_text(Report("in", Guarantee.AT_LEAST_ONCE, ledger.accounts(), {})))
    assert lines[2].split()[:3] == ["0", "none", "0"]


@pytest.mark.parametrize(("limit", "shown"), [(1, [[3, 3]]), (None, [[3, 3], [5, 5], [7, 7], [9, 9]])])
def test_programs_get_the_same(limit: int | None, shown: list[list[int]]):
    found = json.loads(as_json(report(BADLY, strangers={"out[1]": ranges(3, 4)}, notes=("besides",)), limit))
    assert found["ok"] is False
    assert (found["topic"], found["guarantee"], len(found["violations"])) == ("in", "exactly_once", 5)
    assert found["partitions"]["0"] == {
        "start": 0,
        "stop": 10,
        "records": 10,
        "answered": 6,
        "missing": {"count": 4, "ranges": shown},
        "duplicated": {"count": 1, "ranges": [[4, 4]], "repeats": 1},
        "disordered": {"out[0]": {"count": 1, "ranges": [[1, 1]]}},
        "foreign": {"count": 0, "ranges": []},
        "earlier": 0,
        "later": 2,
    }
    assert found["strangers"] == {"out[1]": {"count": 2, "ranges": [[3, 4]]}}
    assert found["notes"][0] == "besides"
    assert json.loads(as_json(report(WELL)))["ok"] is True
