import pytest

from app.demo.options import Options, parse


def test_by_itself_it_streams_for_a_few_seconds_and_ends():
    options = parse([])
    assert options == Options(records=20_000, rate=2_000, port=0, keep=False)
    assert options.records / options.rate <= 10


def test_options_are_taken():
    assert parse(["--records", "600", "--rate", "0.5", "--port", "8000", "--keep"]) == Options(600, 0.5, 8000, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--records", "0"], "0 is not between 1 and"),
        (["--records", "many"], "many"),
        (["--rate", "nan"], "nan is not between"),
        (["--port", "70000"], "70000 is not between 1 and 65535"),
        (["--record", "5"], "unrecognized arguments"),
    ],
)
def test_wrong_options_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        parse(arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err
