"""`streamrank score`: from the command line to the exit status."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from app.lines import opened
from app.score.options import Options, parse
from app.stderr import ended
from config.paths import missing_paths
from config.settings import ENV_FILE, VARIABLES, Settings, SettingsError, validate
from config.sources import Given, GivenValues, gather

if TYPE_CHECKING:
    from app.ranker import Ranker

REFUSED, WRONG, MODEL_FAILED, INTERRUPTED, BROKEN_PIPE = 1, 2, 3, 130, 141
# What a service needs and scoring does not.
_UNUSED = ("kafka", "security", "http")
_STAND_INS = {"INPUT_TOPIC": "lines", "OUTPUT_TOPIC": "rankings"}


@dataclass(frozen=True, slots=True)
class Streams:
    """Where records come from, and where rankings and refusals go."""

    source: IO[bytes]
    output: IO[bytes]
    refused: IO[bytes]


def main(arguments: Sequence[str]) -> int:
    """Score as *arguments* ask for and return the exit status."""
    options = parse(arguments)
    try:
        settings = _settings(options)
        if mistake := _in_each_others_way(options):
            return ended(WRONG, mistake)
    except SettingsError as error:
        return ended(WRONG, *error.mistakes)
    from app.errors import ModelFailed, StartFailed
    from models.errors import ModelError

    try:
        with opened(options.file) as source:
            return _score(settings, options, source)
    except (StartFailed, ModelError, ModelFailed, OSError) as error:
        return _ended_by(error)
    except KeyboardInterrupt:
        return ended(INTERRUPTED, "interrupted")


def _ended_by(error: Exception) -> int:
    from app.errors import ModelFailed

    if isinstance(error, BrokenPipeError):
        # Whoever read has seen enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    if isinstance(error, OSError):
        return ended(WRONG, f"{error.filename or 'reading or writing'}: {error.strerror or error}")
    return ended(MODEL_FAILED if isinstance(error, ModelFailed) else WRONG, *str(error).splitlines())


def _settings(options: Options) -> Settings:
    given = gather(os.environ, ENV_FILE)
    unused = {name for name, variable in VARIABLES.items() if variable.group in _UNUSED}
    values = {name: each for name, each in given.values.items() if name not in unused}
    values |= {name: Given(value, "default") for name, value in _STAND_INS.items()}
    if options.model is not None:
        values["MODEL_PATH"] = Given(options.model, "environment")
    settings = validate(GivenValues(values, given.mistakes))
    if missing := list(missing_paths(values)):
        raise SettingsError(missing)
    return settings


def _in_each_others_way(options: Options) -> str | None:
    """Say which file would be read or written twice."""
    named = [("FILE", options.file), ("--output", options.output), ("--refused", options.refused)]
    seen: dict[str, str] = {}
    for option, file in named:
        if file is None or (option == "FILE" and file == "-"):
            continue
        place = os.path.realpath(file)
        if place in seen and not Path(place).is_char_device():
            return f"{option} {file}: this is {seen[place]} too"
        seen[place] = option
    return None


@contextmanager
def _opened(options: Options, source: IO[bytes]) -> Iterator[Streams]:
    with (
        _sink(options.output, sys.stdout, "standard output") as output,
        _sink(options.refused, sys.stderr, "standard error") as refused,
    ):
        yield Streams(source, output, refused)


@contextmanager
def _sink(file: str | None, standard: IO[str] | None, name: str) -> Iterator[IO[bytes]]:
    if file is not None:
        with Path(file).open("wb") as sink:
            yield sink
    elif standard is None:
        raise OSError(0, "it is closed", name)
    else:
        with nullcontext(standard.buffer) as sink:  # type: ignore[attr-defined]  # standard streams have one
            yield sink


def _score(settings: Settings, options: Options, source: IO[bytes]) -> int:
    from app.assembly import load_newest, load_predictor, local
    from app.rankers import make_ranker

    here, _ = local(settings)
    predictor, _ = load_newest(here, load_predictor)
    ranker = make_ranker(here, predictor)
    # Not before there is something to write: what stands there would be gone for nothing.
    with _opened(options, source) as streams:
        if options.file == "-":
            return asyncio.run(_rank(here, ranker, "stdin", None, streams))
        size = os.fstat(source.fileno()).st_size
        return asyncio.run(_rank(here, ranker, Path(options.file).name, size, streams))


async def _rank(settings: Settings, ranker: "Ranker", origin: str, size: int | None, streams: Streams) -> int:
    from app.assembly import make_ranking, make_scorer, standings_rules
    from app.metrics import Metrics
    from app.progress import Progress as Moved
    from app.score.progress import Progress
    from app.score.scoring import score
    from app.standings.table import Table

    metrics, progress = Metrics(), Progress(size)
    # Not waited for at the end: a call may hang.
    executor = ThreadPoolExecutor(settings.batch.max_in_flight, thread_name_prefix="model")
    try:
        scorer = make_scorer(settings, executor=executor, metrics=metrics, progress=Moved())
        count = await score(
            streams.source,
            origin,
            make_ranking(settings, scorer, metrics),
            ranker,
            output=streams.output,
            refused=streams.refused,
            max_bytes=settings.input.record_max_bytes,
            on_progress=progress,
            standings=Table(standings_rules(settings)) if settings.rank.by == "standings" else None,
        )
    finally:
        progress.end()
        executor.shutdown(wait=False, cancel_futures=True)
    return REFUSED if count.refused else 0
