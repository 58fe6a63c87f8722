"""The newest ranking of each group."""

from app.live.message import Cell, Entry
from app.live.reader import Read
from app.live.standings import CELLS, ENTRIES, GROUPS, MEMBERS, Standings


def read(group: str, *labels: str) -> Read:
    return Read("x", group, "3", tuple(Entry(label, 1.0) for label in labels))


def note(
    standings: Standings,
    group: str,
    *labels: str,
    member: str | None = None,
    fields: tuple[Cell, ...] = (),
    order: Cell = None,
) -> None:
    standings.note(read(group, *labels), 1.0, order, member, fields)


def test_of_each_group_the_newest_ranking_is_kept_and_they_are_told_by_name():
    standings = Standings()
    for group, label in (("b", "old"), ("a", "x"), ("b", "new")):
        note(standings, group, label)
    assert [(each.group, each.entries[0].label) for each in standings.all] == [("a", "x"), ("b", "new")]


def test_each_member_has_the_fields_of_its_own_newest_record():
    standings = Standings()
    note(standings, "race", "h1", member="h1", fields=(1,))
    note(standings, "race", "h2", "h1", "h3", member="h2", fields=(2,))
    assert [entry.fields for entry in standings.all[0].entries] == [(2,), (1,), ()]


def test_how_far_a_group_is_stays_known_when_a_record_does_not_say_it():
    standings = Standings()
    note(standings, "race", "h1", order=3)
    note(standings, "race", "h1")
    assert standings.all[0].order == 3


def test_the_group_that_was_heard_of_least_lately_gives_way():
    standings = Standings()
    for number in range(GROUPS):
        note(standings, f"g{number:02}", "h")
    note(standings, "g00", "h")
    note(standings, "new", "h")
    assert [each.group for each in standings.all] == ["g00", *(f"g{number:02}" for number in range(2, GROUPS)), "new"]


def test_members_and_entries_are_bounded():
    standings = Standings()
    names = [f"h{number}" for number in range(100)]
    for name in names:
        note(standings, "race", *names, member=name, fields=(1,))
    (standing,) = standings.all
    assert (standing.count, len(standing.entries)) == (100, ENTRIES)
    assert len(standings._groups["race"][1]) == MEMBERS


def test_of_too_many_cells_the_groups_that_were_heard_of_least_lately_show_none():
    standings = Standings()
    names = [f"h{number}" for number in range(ENTRIES)]
    for group in range(GROUPS):
        for name in names:
            note(standings, f"g{group:02}", *names, member=name, fields=(0,) * 8)
    shown = [each for each in standings.all if each.entries]
    assert sum(11 * len(each.entries) for each in shown) <= CELLS
    assert [each.group for each in shown] == [f"g{number}" for number in range(GROUPS - len(shown), GROUPS)]
