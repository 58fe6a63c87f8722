import pytest

from app.replay.options import parse


def test_a_topic_goes_at_its_own_pace_and_a_file_as_fast_as_it_can() -> None:
    assert parse(["--from-topic", "races"]).speed == 1
    assert parse(["races.jsonl"]).speed is None
    assert parse(["races.jsonl", "--time-field", "clock"]).speed == 1
    assert parse(["--from-topic", "races", "--speed", "2.5"]).speed == 2.5
    assert parse(["--from-topic", "races", "--speed", "max"]).speed is None
    assert (parse(["-", "--rate", "50"]).speed, parse(["-", "--rate", "50"]).rate) == (None, 50)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a FILE (or -), or --from-topic, and not both"),
        (["races.jsonl", "--from-topic", "races"], "name a FILE (or -), or --from-topic, and not both"),
        (["races.jsonl", "--since", "2h"], "--since is for a topic"),
        (["--from-topic", "races", "--key-field", "race"], "--key-field is for a file"),
        (["--from-topic", "races", "--speed", "0"], "'0' is neither a number above 0 nor max"),
        (["--from-topic", "races", "--speed", "fast"], "'fast' is neither a number above 0 nor max"),
        (["--from-topic", "races", "--speed", "nan"], "'nan' is neither a number above 0 nor max"),
        (["--from-topic", "races", "--speed", "2", "--rate", "5"], "--rate and --speed are two paces"),
        (["races.jsonl", "--speed", "2"], "--speed needs --time-field"),
        (["--from-topic", "races", "--since", "long ago"], "'long ago' is neither a time such as"),
    ],
)
def test_what_cannot_be_meant_ends_with_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
