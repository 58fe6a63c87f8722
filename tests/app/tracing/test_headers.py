"""Trace context in headers, beside OpenTelemetry's own reader of it."""

from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.records import Outgoing
from app.tracing.headers import Brought, brought, carrier, carrying, plainly_untraced
from tests.app.tracing.spans import SPAN, TRACE, TRACED, UNTRACED

HEX = "0123456789abcdef"
PARTS = st.tuples(
    st.sampled_from(["00", "01", "ff", "0"]),
    st.one_of(st.just("0" * 32), st.text(HEX, min_size=32, max_size=32)),
    st.one_of(st.just("0" * 16), st.text(HEX, min_size=16, max_size=16)),
    st.sampled_from(["00", "01", "03", "ff", "1"]),
)
VALUES = st.one_of(st.none(), st.binary(max_size=80), PARTS.map(lambda parts: "-".join(parts).encode()))
HEADERS = st.lists(st.tuples(st.sampled_from(["traceparent", "tracestate", "other"]), VALUES), max_size=6)


def test_a_context_says_which_trace_it_is_and_whether_it_is_traced():
    assert brought([TRACED]) == Brought(TRACED[1], sampled=True)
    assert brought([UNTRACED]) == Brought(UNTRACED[1], sampled=False)


def test_records_without_a_context_or_with_one_that_cannot_be_read_bring_none():
    assert [brought(headers) for headers in ([], [("other", b"1")], [("traceparent", None)])] == [None] * 3
    assert brought([("traceparent", f"00-{TRACE}-{SPAN}".encode())]) is None


def test_who_says_plainly_that_nobody_traces_it_is_understood_at_a_glance():
    assert plainly_untraced([("other", None), UNTRACED])
    assert not plainly_untraced([UNTRACED, TRACED])
    assert not plainly_untraced([("traceparent", None)])
    assert not plainly_untraced([("traceparent", b"00-nonsense-00")])


def test_of_several_the_last_counts():
    assert brought([UNTRACED, TRACED]) == brought([TRACED])


@given(headers=HEADERS)
@example(headers=[("traceparent", TRACED[1] + b"-\xff"), ("tracestate", b"\xff\x00=,")])
@example(headers=[("traceparent", b"01" + TRACED[1][2:] + b"-\xff"), ("tracestate", b"\xff\x00=,")])
@example(headers=[("traceparent", b"01" + TRACED[1][2:] + b"-" + 456 * b"x")])
@example(headers=[("traceparent", b"01" + TRACED[1][2:] + b"-" + 457 * b"x")])
@example(headers=[("traceparent", b"ff" + TRACED[1][2:])])
@example(headers=[("traceparent", b"ff" + UNTRACED[1][2:])])
@example(headers=[("traceparent", f"00-{TRACE}-{16 * '0'}-00".encode())])
def test_whatever_a_record_brings_is_read_without_complaint_and_as_opentelemetry_does(headers):
    there = brought(headers)
    assert not plainly_untraced(headers) or (there is not None and not there.sampled)
    traceparent = dict(headers).get("traceparent") or b""
    read = get_current_span(TraceContextTextMapPropagator().extract(carrier(traceparent, headers), Context()))
    context = read.get_span_context()
    assert (there is not None) == context.is_valid
    if there is not None:
        assert (context.trace_id, bool(context.trace_flags.sampled)) == (there.trace_id, there.sampled)


def test_a_new_context_takes_the_place_of_the_old_one_and_all_other_headers_stay():
    record = Outgoing(b"k", b"v", [("a", b"1"), TRACED, ("tracestate", b"x=1"), ("a", None), TRACED])
    carried = carrying(record, {"traceparent": "new"})
    assert carried == Outgoing(b"k", b"v", [("traceparent", b"new"), ("a", b"1"), ("a", None)])
