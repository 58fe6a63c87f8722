"""Libraries that repeat themselves."""

import logging

from config.logging import Repeats


def line(name: str, message: str, created: float, level: int = logging.WARNING) -> logging.LogRecord:
    record = logging.LogRecord(name, level, "f", 1, message, (created,), None)
    record.created = created
    return record


def test_a_library_says_the_same_thing_once_in_a_while_and_another_thing_at_once():
    repeats = Repeats(("aiokafka",), 10.0)
    assert repeats.filter(line("aiokafka.client", "gone %s", 100.0))
    assert not repeats.filter(line("aiokafka.client", "gone %s", 109.9))
    assert repeats.filter(line("aiokafka.client", "back %s", 109.9))
    assert repeats.filter(line("aiokafka.client", "gone %s", 110.1))


def test_our_own_lines_and_those_that_were_asked_for_always_pass():
    repeats = Repeats(("aiokafka",), 10.0)
    for _ in range(2):
        assert repeats.filter(line("app.worker", "waiting", 100.0))
        assert repeats.filter(line("aiokafka.client", "details", 100.0, logging.DEBUG))
