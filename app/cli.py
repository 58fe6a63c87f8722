"""The command line: `streamrank serve | config | inspect | score | replay | audit | dead-letters | train | demo`."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

from app.stderr import ended

if TYPE_CHECKING:
    from config.description import SettingRow

WRONG_SETTINGS = 2
"""The exit status when the settings are wrong, as argparse's for wrong arguments."""

_EXAMPLES = """\
examples:
  INPUT_TOPIC=images OUTPUT_TOPIC=rankings MODEL_PATH=/models/digits streamrank serve
                               read images, rank them with the model, publish to rankings
  streamrank config            show every setting and where its value came from
  streamrank inspect /models/digits
                               look at a model and how it would be served
  streamrank score races.jsonl rank the records of a file, without Kafka
  streamrank replay races.jsonl --to races --rate 500
                               write the lines of a file to a topic, 500 a second
  streamrank audit             check that no record was lost
  streamrank dead-letters list look at the records that were refused
  streamrank train race        train a model that foretells how races end
  streamrank demo              watch it all run on this machine

All settings are environment variables; a file .env in the working directory works too.
"""
_SERVE_EXAMPLES = """\
examples:
  INPUT_TOPIC=images OUTPUT_TOPIC=rankings MODEL_PATH=/models/digits streamrank serve
  LOG_FORMAT=json streamrank serve       with the other settings in .env

exit status: 0 after a clean stop (SIGTERM or SIGINT), 1 when something was left unconfirmed, 2 for wrong settings
"""
_CONFIG_EXAMPLES = """\
examples:
  streamrank config                      a table of variables, values and where they came from
  streamrank config --json               the same for programs
  BATCH_MAX_SIZE=0 streamrank config     says what is wrong and ends with exit status 2
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments* (default: the process's) ask for and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and (command := _WITH_OPTIONS_OF_ITS_OWN.get(given[0])):
        return command(given[1:])
    wanted = _parser().parse_args(given)
    run: Callable[[argparse.Namespace], int] = wanted.run
    return run(wanted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="streamrank",
        description="Rank Kafka records with a TensorFlow SavedModel.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add(commands, serve, "read records, rank them, publish the rankings", _SERVE_EXAMPLES)
    config_parser = _add(commands, config, "show the settings, secrets masked", _CONFIG_EXAMPLES)
    config_parser.add_argument("--json", action="store_true", help="print one JSON object")
    commands.add_parser("audit", help="check that every record has its prediction or its dead letter")
    commands.add_parser("inspect", help="what a SavedModel holds, how it would be served and how fast it is here")
    commands.add_parser("score", help="rank records from a file or standard input, without Kafka")
    commands.add_parser("replay", help="write recorded records to a topic again, at their pace or faster")
    commands.add_parser("dead-letters", help="look at the records that were refused, and send them back")
    commands.add_parser("train", help="train a model of the project's own, on races")
    commands.add_parser("demo", help="races through a broker, a model and the service, on this machine")
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for, which takes as long as all else up to here."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        sys.stdout.write(f"streamrank {version('streamrank')}\n")
        parser.exit()


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    run: Callable[[argparse.Namespace], int],
    purpose: str,
    examples: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        run.__name__,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def serve(_wanted: argparse.Namespace) -> int:
    """Run the worker until it is told to stop."""
    # Before anything that takes time. The worker has its own for as long as there is something to finish.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_at_once)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # asks for newer versions of the model, and there is none yet
    from config.logging import configure_logging
    from config.paths import missing_paths
    from config.settings import ENV_FILE, SettingsError, validate
    from config.sources import gather

    given = gather(os.environ, ENV_FILE)
    missing = list(missing_paths(given.values))
    try:
        settings = validate(given)
    except SettingsError as error:
        return ended(WRONG_SETTINGS, *error.mistakes, *missing)
    if missing:
        return ended(WRONG_SETTINGS, *missing)
    _part_from_the_libraries()
    configure_logging(settings.service.log_level, settings.service.log_format)
    # OpenTelemetry's own libraries read these, and know of no file.
    os.environ.update(
        (name, each.value) for name, each in given.values.items() if name.startswith("OTEL_") and each.source == ".env"
    )
    from app.worker import run

    return run(settings)


def _end_at_once(_number: int, _frame: object) -> NoReturn:
    # No exception, which would be raised in the middle of some library's import: nothing is there to be undone yet.
    os._exit(0)


def _part_from_the_libraries() -> None:
    """Give Python another way to standard error than descriptor 2, whose lines `models.runtime` holds back at times."""
    way = os.devnull if sys.stderr is None else os.dup(2)  # None: closed when we began
    sys.stderr = open(way, "w", buffering=1, errors="backslashreplace")  # noqa: SIM115 - until the end


def config(wanted: argparse.Namespace) -> int:
    """Print the settings as they were resolved."""
    from config.description import describe
    from config.errors import SettingsError

    try:
        rows = describe()
    except SettingsError as error:
        return ended(WRONG_SETTINGS, *error.mistakes)
    lines = [_as_json(rows)] if wanted.json else _as_table(rows)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def audit(arguments: list[str]) -> int:
    """Compare the topics, and print what is missing, foreign, repeated or out of order."""
    from app.audit.command import main as run

    return run(arguments)


def demo(arguments: list[str]) -> int:
    """Run the demo, or say what to install for it."""
    try:
        from app.demo.run import main as run

        return run(arguments)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in {"", "app", "config", "models"}:
            raise
        return ended(
            1, f"the demo needs the package {missing}, which is not installed: pip install 'streamrank[cpu,demo]'"
        )


def inspect(arguments: list[str]) -> int:
    """Print what a SavedModel holds and how it would be served."""
    from app.inspection.command import main as run

    return run(arguments)


def score(arguments: list[str]) -> int:
    """Rank the records of a file."""
    from app.score.command import main as run

    return run(arguments)


def replay(arguments: list[str]) -> int:
    """Write recorded records to a topic."""
    from app.replay.command import main as run

    return run(arguments)


def dead_letters(arguments: list[str]) -> int:
    """List, show or replay dead letters."""
    from app.deadletters.run import main as run

    return run(arguments)


def train(arguments: list[str]) -> int:
    """Train a model of the project's own."""
    from app.train.command import main as run

    return run(arguments)


_WITH_OPTIONS_OF_ITS_OWN: dict[str, Callable[[list[str]], int]] = {
    "audit": audit,
    "dead-letters": dead_letters,
    "demo": demo,
    "inspect": inspect,
    "replay": replay,
    "score": score,
    "train": train,
}


def _as_json(rows: Sequence["SettingRow"]) -> str:
    return json.dumps({row.variable: {"value": row.value, "source": row.source} for row in rows}, indent=2)


def _as_table(rows: Sequence["SettingRow"]) -> Iterator[str]:
    cells = [(row.variable, f"({row.default})" if row.value is None else row.value, row.source) for row in rows]
    name_width, value_width = (max(len(cell[column]) for cell in cells) for column in (0, 1))
    for name, value, source in cells:
        yield f"{name:<{name_width}}  {value:<{value_width}}  {source}"
