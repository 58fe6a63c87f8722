"""`streamrank dead-letters list`."""

import shutil
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

from app.deadletters.gauge import gauge
from app.deadletters.letter import Letter
from app.deadletters.letters import letters
from app.deadletters.line import as_json, head, line
from app.deadletters.options import ListOptions
from app.deadletters.summary import Summary
from app.kafka.reader import TopicReader
from app.kafka.security import Security
from app.kafka.visit import visit
from app.stderr import say
from config.settings import KafkaSettings

_PLACE_IN_SOURCE = len("[99]@9999999")


async def show_list(options: ListOptions, kafka: KafkaSettings, security: Security) -> int:
    """Print the letters that match, or how many there are; returns the exit status."""
    async with visit(kafka.bootstrap_servers, security, [kafka.dead_letter_topic]) as client:
        found = _matching(options, TopicReader(client, kafka.dead_letter_topic))
        if options.summary:
            return await _summarise(options, found)
        return await _print(options, found, len(kafka.input_topic) + _PLACE_IN_SOURCE)


async def _matching(options: ListOptions, reader: TopicReader) -> AsyncIterator[Letter]:
    """Yield the letters that match, the newest last, and not before they are all read where only some are wanted."""
    spans = options.selection.narrow(await reader.spans())
    newest: deque[Letter] = deque(maxlen=options.limit)
    in_the_way = sys.stdout.isatty() and not (options.summary or options.limit)
    total = 0 if in_the_way else sum(span.size for span in spans.values())
    with gauge("letters", total, sys.stderr) as moved:
        async with aclosing(letters(reader, spans)) as every:
            async for letter in every:
                if total:
                    moved()
                if options.selection.takes(letter):
                    if options.limit is None:
                        yield letter
                    else:
                        newest.append(letter)
    for letter in newest:
        yield letter


async def _print(options: ListOptions, found: AsyncIterator[Letter], source_width: int) -> int:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    count = 0
    async for letter in found:
        if options.as_json:
            _write([as_json(letter, _now_ms())])
        else:
            heads = [] if count else [head(source_width)]
            _write([*heads, line(letter, _now_ms(), source_width=source_width, width=width)])
        count += 1
    _tell_nothing(count)
    return 0


async def _summarise(options: ListOptions, found: AsyncIterator[Letter]) -> int:
    summary = Summary()
    async for letter in found:
        summary.add(letter)
    if summary.letters:
        _write(summary.json_lines() if options.as_json else summary.lines(_now_ms()))
    _tell_nothing(summary.letters)
    return 0


def _write(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{each}\n" for each in lines)


def _tell_nothing(count: int) -> None:
    if not count:
        say("no letter matches")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
