import pytest

from app.deadletters.options import ListOptions, ReplayOptions, ShowOptions, parse
from app.deadletters.place import Place
from app.deadletters.selection import Selection


def test_every_filter_becomes_a_condition() -> None:
    options = parse(
        [
            "replay",
            *("--reason", "bad_id", "--reason", "empty", "--stage", "decode"),
            *("--source-topic", "in", "--source-partition", "2", "--source-offset", "41", "--place", "1@17"),
            *("--since", "2023-11-14T22:13:20Z", "--until", "2023-11-14T22:13:21Z"),
        ]
    )

    assert isinstance(options, ReplayOptions)
    assert options.selection == Selection(
        reasons=frozenset({"bad_id", "empty"}),
        stages=frozenset({"decode"}),
        source_topics=frozenset({"in"}),
        source_partitions=frozenset({2}),
        source_offsets=frozenset({41}),
        places=frozenset({Place(1, 17)}),
        since=1_700_000_000_000,
        until=1_700_000_001_000,
    )
    assert set(options.selection.spelled) == {
        *("reason=bad_id", "reason=empty", "stage=decode", "source_topic=in", "source_partition=2"),
        *("source_offset=41", "place=1@17", "since=2023-11-14T22:13:20Z", "until=2023-11-14T22:13:21Z"),
    }


def test_an_age_is_spelled_as_it_was_given_so_that_tomorrows_replay_is_the_same() -> None:
    options = parse(["list", "--since", "2h"])
    assert isinstance(options, ListOptions)
    assert options.selection.spelled == ("since=2h",)


def test_nothing_but_a_command_is_needed() -> None:
    assert parse(["list"]) == ListOptions(overrides={}, selection=Selection(), limit=None, summary=False, as_json=False)
    assert parse(["replay"]) == ReplayOptions(
        overrides={},
        selection=Selection(),
        to=None,
        group=None,
        from_beginning=False,
        rate=None,
        limit=None,
        dry_run=False,
        yes=False,
    )
    assert parse(["show", "2@17"]) == ShowOptions(overrides={}, place=Place(2, 17), raw=False)


def test_topics_win_over_the_environments() -> None:
    options = parse(["show", "2@17", "--input-topic", "in", "--dead-letter-topic", "letters"])
    assert options.overrides == {"INPUT_TOPIC": "in", "DEAD_LETTER_TOPIC": "letters"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["list", "--reason", "wrong_shap"], "wrong_shape"),
        (["replay", "--to", ""], "'': must be 1 to 249 of the characters"),
        (["replay", "--to", "a/b"], "'a/b': must be 1 to 249 of the characters"),
        (["replay", "--group", ""], "'': "),
        (["list", "--stage", "x"], "decode"),
        (["list", "--since", "yesterday"], "'yesterday' is neither a time such as 2026-11-22T15:00:00Z"),
        (["list", "--limit", "0"], "'0' is not a whole number from 1"),
        (["list", "--source-partition", "-1"], "'-1' is not a whole number from 0"),
        (["list", "--source-partition", "a"], "'a' is not a whole number from 0"),
        (["show"], "PARTITION@OFFSET"),
        (["show", "17"], "'17' is not PARTITION@OFFSET, such as 2@17"),
        (["replay", "--rate", "0"], "'0' is not a number between 0.001 and 1000000"),
        (["replay", "--rate", "nan"], "'nan' is not a number between"),
        (["replay", "--dry"], "unrecognized arguments: --dry"),
    ],
)
def test_a_wrong_argument_ends_with_status_2_and_says_what_is_allowed(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["list"], ["show"], ["replay"]])
def test_help_shows_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        parse([*command, "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith("usage: streamrank dead-letters")
    assert "\nexamples:\n" in shown
    assert max(map(len, shown.splitlines())) <= 120
