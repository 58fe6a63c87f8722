"""Which records are traced, beside what the SDK's own samplers say."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    StaticSampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from app.tracing.choice import Choice
from app.tracing.headers import Brought
from app.tracing.wanted import SAMPLERS

TRACE_IDS = st.integers(1, (1 << 128) - 1)


@pytest.fixture(scope="module", params=SAMPLERS)
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


class Strange(Sampler):
    """Somebody's own."""

    def should_sample(self, *args: object, **kwargs: object) -> SamplingResult:
        raise NotImplementedError

    def get_description(self) -> str:
        return "Strange"


class Moody(ParentBased):
    """One that looks like one of the SDK's."""


@pytest.mark.parametrize("unknown", [Strange(), ParentBased(Strange()), Moody(ALWAYS_ON), StaticSampler(Decision.DROP)])
def test_what_no_one_knows_the_decisions_of_is_not_taken_for_one_that_traces_everything(unknown: Sampler):
    with pytest.raises(ValueError, match=r"OTEL_TRACES_SAMPLER gives .*: must be one of always_on, .*"):
        Choice(unknown)


def test_an_sdk_that_keeps_the_root_elsewhere_is_told_of(monkeypatch: pytest.MonkeyPatch):
    sampler = ParentBased(TraceIdRatioBased(0.1))
    sampler.elsewhere = sampler.__dict__.pop("_root")
    monkeypatch.setattr(ParentBased, "get_description", lambda self: "ParentBased")
    with pytest.raises(ValueError, match="OTEL_TRACES_SAMPLER gives ParentBased"):
        Choice(sampler)
