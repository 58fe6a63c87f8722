"""Which records are traced, beside what the SDK's own samplers say."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from app.tracing.choice import Choice
from app.tracing.headers import Brought

NAMES = ["always_on", "always_off", "traceidratio"]
TRACE_IDS = st.integers(1, (1 << 128) - 1)


@pytest.fixture(scope="module", params=[*NAMES, *(f"parentbased_{name}" for name in NAMES)])
def sampler(request: pytest.FixtureRequest) -> Sampler:
    patch = pytest.MonkeyPatch()
    patch.setitem(os.environ, "OTEL_TRACES_SAMPLER", request.param)
    patch.setitem(os.environ, "OTEL_TRACES_SAMPLER_ARG", "0.3")
    try:
        return TracerProvider(shutdown_on_exit=False).sampler
    finally:
        patch.undo()


@given(trace_id=TRACE_IDS, sampled=st.booleans())
def test_a_trace_goes_on_where_the_sdk_would_let_it(sampler: Sampler, trace_id: int, *, sampled: bool):
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    parent = SpanContext(trace_id, 1, is_remote=True, trace_flags=flags)
    theirs = sampler.should_sample(set_span_in_context(NonRecordingSpan(parent), Context()), trace_id, "consume")
    there = Brought(b"00-%032x-%016x-%02x" % (trace_id, 1, flags), sampled)
    assert Choice(sampler).goes_on(there) == theirs.decision.is_sampled()


def test_traces_begin_as_often_as_the_sdk_would_let_them_and_under_ids_that_it_would_take(sampler: Sampler):
    choice, tries = Choice(sampler), 10_000
    drawn = [trace_id for trace_id in (choice.draw() for _ in range(tries)) if trace_id is not None]
    described = sampler.get_description()
    share = 0.3 if "{0.3}" in described else float("root:AlwaysOn" in described or described == "AlwaysOnSampler")
    assert len(drawn) / tries == pytest.approx(share, abs=0.03)
    assert choice.begins_traces == (share > 0)
    assert all(sampler.should_sample(Context(), trace_id, "consume").decision.is_sampled() for trace_id in drawn)
