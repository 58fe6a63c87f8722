"""A group's members: always in order, and how their places change."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.outcome import MemberScore
from app.standings.group import Group


def scored(member: str, score: float) -> MemberScore:
    text = b"null" if score != score else json.dumps(score).encode()  # noqa: PLR0124 - NaN
    return MemberScore(b'"g"', json.dumps(member).encode(), text, score, None, b"")


def shown(group: Group, *, top_k: int = 0, min_score: float | None = None) -> list[tuple[str, Any, int | None]]:
    entries = json.loads(b"[" + group.ranking(top_k=top_k, min_score=min_score) + b"]")
    assert [entry["rank"] for entry in entries] == [*range(1, len(entries) + 1)]
    return [(entry["label"], entry["score"], entry["change"]) for entry in entries]


def test_a_newcomer_has_no_change_and_those_it_passes_lose_a_place():
    group = Group()
    group.put(scored("a", 1.0), 0)
    assert shown(group) == [("a", 1.0, None)]
    group.put(scored("b", 2.0), 1)
    assert shown(group) == [("b", 2.0, None), ("a", 1.0, -1)]
    group.put(scored("a", 3.0), 2)
    assert shown(group) == [("a", 3.0, 1), ("b", 2.0, -1)]


def test_ties_keep_the_order_in_which_members_first_appeared():
    group = Group()
    for offset, (member, score) in enumerate([("late", 0.0), ("a", 1.0), ("b", 1.0), ("late", 1.0)]):
        group.put(scored(member, score), offset)
    assert [label for label, _, _ in shown(group)] == ["late", "a", "b"]


def test_changes_are_counted_before_the_cut():
    group = Group()
    for offset, member in enumerate("abcd"):
        group.put(scored(member, -offset), offset)
    shown(group)
    group.put(scored("d", 9.0), 4)
    assert shown(group, top_k=2) == [("d", 9.0, 3), ("a", 0.0, -1)]


def test_a_least_score_leaves_out_those_below_it_and_those_without_a_number():
    group = Group()
    for offset, (member, score) in enumerate([("a", 0.1), ("b", 0.2), ("c", float("nan")), ("d", 0.1), ("e", 0.05)]):
        group.put(scored(member, score), offset)
    assert [label for label, _, _ in shown(group, min_score=0.1)] == ["b", "a", "d"]
    assert [label for label, _, _ in shown(group)] == ["b", "a", "d", "e", "c"]
    assert shown(group)[-1][1] is None


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(0, 5), st.booleans()), max_size=60))
def test_places_and_changes_are_those_of_sorting_anew(steps: list[tuple[str, int, bool]]):
    group = Group()
    newest: dict[str, tuple[int, int]] = {}
    before: list[str] = []
    for offset, (member, score, look) in enumerate(steps):
        group.put(scored(member, score), offset)
        newest[member] = (score, newest[member][1] if member in newest else offset)
        if look:
            order = sorted(newest, key=lambda name: (-newest[name][0], newest[name][1]))
            assert shown(group) == [
                (name, newest[name][0], before.index(name) - place if name in before else None)
                for place, name in enumerate(order)
            ]
            before = order
