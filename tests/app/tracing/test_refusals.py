"""How often refused records are told of."""

import logging

import pytest
from opentelemetry.trace import INVALID_SPAN

from app.errors import Reason, RejectedRecord
from app.tracing.refusals import PAUSE_SECONDS, RefusalLog
from tests.app.chunks import run_of


def test_one_line_for_each_reason_is_written_and_the_next_one_after_a_pause(caplog: pytest.LogCaptureFixture):
    now = [0.0]
    told = RefusalLog(lambda: now[0])
    caplog.set_level(logging.INFO)
    for offset, reason in enumerate([Reason.EMPTY, Reason.EMPTY, Reason.BAD_ID]):
        told.refused(INVALID_SPAN, run_of(0, 9), offset, RejectedRecord(reason, "a secret"))
    now[0] = PAUSE_SECONDS
    told.refused(INVALID_SPAN, run_of(0, 9), 8, RejectedRecord(Reason.EMPTY, "a secret"))
    assert [(line.reason, line.offset) for line in caplog.records] == [("empty", 0), ("bad_id", 2), ("empty", 8)]
    assert "secret" not in caplog.text
