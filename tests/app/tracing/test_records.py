"""The spans of records on their way through a pipeline of real parts."""

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import (
    DEFAULT_OFF,
    DEFAULT_ON,
    ParentBasedTraceIdRatio,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import StatusCode

from app.deadletters.letter import read, replayed_headers
from app.errors import ProducerLost, PublishFailed
from app.kafka.chunk import Chunk
from app.tracing.headers import Brought
from models.numpy_model import NumpyModel
from tests.app.chunks import chunk, record, row
from tests.app.test_pipeline import DEAD_LETTERS, OUTPUT, POISON, Outlet, Rig
from tests.app.tracing.spans import SPAN, TRACE, TRACED, UNTRACED, Kept, traceparent


def one(value: bytes | None = None, *headers: tuple[str, bytes | None]) -> Chunk:
    return chunk(record(0, row("a", 1, 0, 0, 0) if value is None else value, headers=headers or [TRACED]))


async def test_only_what_is_traced_has_spans_and_a_new_context():
    outlet, kept = Outlet(), Kept()
    async with Rig(NumpyModel(), outlet, tracing=kept.tracing) as rig:
        headers = ([("a", b"1"), TRACED], [UNTRACED], [])
        rig.accept(chunk(*(record(place, row(f"r{place}", 1, 0, 0, 0), headers=headers[place]) for place in range(3))))
        await rig.wait_until_acknowledged(1)
    assert kept.names == ["batch", "consume in", "predict", f"publish {OUTPUT}"]
    traced, untraced, without = outlet.to(OUTPUT)
    published = kept.named(f"publish {OUTPUT}")
    assert traced.headers[:2] == [("traceparent", traceparent(published)), ("a", b"1")]
    assert untraced.headers[0] == UNTRACED
    assert "traceparent" not in dict(without.headers)


async def test_a_record_without_a_context_begins_a_trace_where_the_sampler_lets_it():
    outlet, kept = Outlet(), Kept(DEFAULT_ON)
    async with Rig(NumpyModel(), outlet, tracing=kept.tracing) as rig:
        rig.accept(chunk(record(0, row("a", 1, 0, 0, 0))))
        await rig.wait_until_acknowledged(1)
    consumed = kept.named("consume in")
    assert consumed.parent is None
    assert {span.context.trace_id for span in kept.spans} == {consumed.context.trace_id}
    assert dict(outlet.to(OUTPUT)[0].headers)["traceparent"] == traceparent(kept.named(f"publish {OUTPUT}"), "03")


async def test_a_model_that_is_asked_again_in_halves_shows_each_call_and_the_refused_record_what_became_of_it():
    outlet, kept = Outlet(), Kept()
    async with Rig(NumpyModel(poison=POISON), outlet, tracing=kept.tracing) as rig:
        values = [row("a", 1, 0, 0, 0), row("b", POISON, 0, 0, 0)]
        rig.accept(chunk(*(record(offset, each, headers=[TRACED]) for offset, each in enumerate(values))))
        await rig.wait_until_acknowledged(1)
    assert kept.names.count("predict") == 3
    batch = kept.named("batch")
    assert {span.parent.span_id for span in kept.spans if span.name == "predict"} == {batch.context.span_id}
    consumed = {span.attributes["messaging.kafka.offset"]: span for span in kept.spans if span.name == "consume in"}
    assert {link.context.span_id for link in batch.links} == {span.context.span_id for span in consumed.values()}
    assert [span.attributes["streamrank.outcome"] for span in consumed.values()] == ["published", "dead_lettered"]
    assert consumed[1].attributes["error.type"] == "model_error"
    assert kept.named(f"publish {DEAD_LETTERS}").parent.span_id == consumed[1].context.span_id


async def test_a_ranking_that_the_broker_refuses_and_its_dead_letter_both_have_their_span():
    outlet, kept = Outlet(), Kept()
    outlet.refuses = lambda topic, _: topic == OUTPUT
    async with Rig(NumpyModel(), outlet, tracing=kept.tracing) as rig:
        rig.accept(one())
        await rig.wait_until_acknowledged(1)
    refused, letter = kept.named(f"publish {OUTPUT}"), kept.named(f"publish {DEAD_LETTERS}")
    assert (refused.status.status_code, refused.status.description) == (StatusCode.ERROR, "too_large")
    assert letter.status.is_ok
    assert dict(outlet.to(DEAD_LETTERS)[0].headers)["traceparent"] == traceparent(letter)


async def test_a_traced_dead_letter_is_still_one_and_its_replay_goes_on_with_the_trace():
    outlet, kept = Outlet(), Kept()
    async with Rig(NumpyModel(), outlet, tracing=kept.tracing) as rig:
        rig.accept(one(b"nonsense", ("a", b"1"), TRACED))
        await rig.wait_until_acknowledged(1)
    (out,) = outlet.to(DEAD_LETTERS)
    letter = read(0, record(7, out.value, key=out.key, headers=out.headers))
    assert letter.verdict is not None
    again = replayed_headers(letter)[:2]
    assert again == [("traceparent", traceparent(kept.named(f"publish {DEAD_LETTERS}"))), ("a", b"1")]


async def test_what_is_let_go_unconfirmed_ends_as_an_error():
    outlet, kept = Outlet(), Kept()
    outlet.confirms.clear()
    async with Rig(NumpyModel(), outlet, tracing=kept.tracing) as rig:
        rig.accept(one())
        await rig.wait_for(lambda: outlet.waiting > 0)
    consumed, published = kept.named("consume in"), kept.named(f"publish {OUTPUT}")
    assert {span.status.status_code for span in (consumed, published)} == {StatusCode.ERROR}
    assert "read again" in consumed.status.description
    assert published.attributes["error.type"] == "CancelledError"


async def test_what_was_published_and_not_committed_is_no_success():
    outlet, kept = Outlet(), Kept()
    outlet.commit_fails = ProducerLost("in doubt")
    async with Rig(NumpyModel(), outlet, tracing=kept.tracing) as rig:
        rig.accept(one())
        await rig.wait_for(lambda: bool(rig.lost))
    assert kept.named(f"publish {OUTPUT}").status.is_ok
    assert kept.named("consume in").status.status_code is StatusCode.ERROR


async def test_a_publish_that_fails_ends_its_spans_with_what_failed():
    outlet, kept = Outlet(), Kept()
    outlet.fails = lambda *_: True
    async with Rig(NumpyModel(), outlet, tracing=kept.tracing) as rig:
        rig.accept(one())
        await rig.wait_for(lambda: bool(rig.failures))
    assert isinstance(rig.failures[0], PublishFailed)
    assert kept.named(f"publish {OUTPUT}").attributes["error.type"] == "PublishFailed"


async def test_batches_of_several_traces_belong_to_none_of_them_and_are_linked_with_all():
    outlet, kept = Outlet(), Kept(DEFAULT_ON)
    async with Rig(NumpyModel(), outlet, tracing=kept.tracing) as rig:
        rig.accept(chunk(*(record(place, row(f"r{place}", 1, 0, 0, 0)) for place in range(3))))
        await rig.wait_until_acknowledged(1)
    batch, consumed = kept.named("batch"), [span for span in kept.spans if span.name == "consume in"]
    assert batch.parent is None
    assert batch.context.trace_id not in {span.context.trace_id for span in consumed}
    assert {link.context.span_id for link in batch.links} == {span.context.span_id for span in consumed}
    assert [link.context.span_id for span in consumed for link in span.links] == [batch.context.span_id] * 3


async def test_a_trace_that_begins_here_has_an_id_that_all_who_sample_at_this_rate_choose():
    outlet, kept, sampler = Outlet(), Kept(ParentBasedTraceIdRatio(0.25)), TraceIdRatioBased(0.25)
    async with Rig(NumpyModel(), outlet, tracing=kept.tracing) as rig:
        rig.accept(chunk(*(record(place, row(f"r{place}", 1, 0, 0, 0)) for place in range(200))))
        await rig.wait_until_acknowledged(1)
    trace_ids = {span.context.trace_id for span in kept.spans if span.name == "consume in"}
    assert 10 < len(trace_ids) < 100
    assert all(sampler.should_sample(Context(), each, "consume").decision.is_sampled() for each in trace_ids)


async def test_spans_say_neither_the_records_value_nor_its_key():
    outlet, kept = Outlet(), Kept()
    async with Rig(NumpyModel(), outlet, tracing=kept.tracing) as rig:
        rig.accept(chunk(record(0, row("secret-id", 1, 0, 0, 0), key=b"secret-key", headers=[TRACED])))
        await rig.wait_until_acknowledged(1)
    assert "secret" not in "".join(span.to_json() for span in kept.spans)


SEEN = "what the model says of somebody's horse"


class Talkative(NumpyModel):
    """A model whose first call fails, and says what it saw."""

    asked = False

    def predict(self, *arguments, **named):
        if not self.asked:
            self.asked = True
            raise RuntimeError(SEEN)
        return super().predict(*arguments, **named)


async def test_spans_of_what_fails_say_what_kind_of_failure_it_is_and_nothing_of_its_text():
    outlet, kept = Outlet(), Kept()
    async with Rig(Talkative(), outlet, tracing=kept.tracing) as rig:
        rig.accept(one())
        await rig.wait_for(lambda: bool(rig.failures))
    batch = kept.named("batch")
    assert (batch.status.status_code, batch.status.description) == (StatusCode.ERROR, "RuntimeError")
    assert batch.attributes["error.type"] == "RuntimeError"
    assert [span.events for span in kept.spans] == [()] * len(kept.spans)
    assert SEEN not in "".join(span.to_json() for span in kept.spans)


@pytest.mark.parametrize("sampler", [DEFAULT_OFF, DEFAULT_ON])
@pytest.mark.parametrize(
    "nonsense",
    [
        f"00-{32 * '0'}-{SPAN}-01",
        f"00-{TRACE}-{16 * '0'}-01",
        f"00-{TRACE}-{16 * '0'}-00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"01-{TRACE}-{SPAN}-01-{600 * 'x'}",
    ],
)
async def test_a_context_that_is_none_leaves_it_to_the_sampler_whether_a_trace_begins(sampler: Sampler, nonsense: str):
    kept = Kept(sampler)
    trace = kept.tracing.begin(one(None, ("traceparent", nonsense.encode())))
    assert (trace is None) == (sampler is DEFAULT_OFF)
    if trace is not None:
        trace.lost()
        assert kept.named("consume in").parent is None
        assert kept.named("consume in").context.trace_id != int(TRACE, 16)


def test_a_context_that_opentelemetry_alone_cannot_read_begins_nothing_behind_the_samplers_back(
    monkeypatch: pytest.MonkeyPatch,
):
    unreadable = Brought(b"ff" + TRACED[1][2:], sampled=True)
    monkeypatch.setattr("app.tracing.tracing.brought", lambda headers: unreadable)
    assert Kept(DEFAULT_OFF).tracing.begin(one()) is None


async def test_the_consumer_is_the_child_of_the_producer_and_linked_to_it():
    outlet, kept = Outlet(), Kept()
    async with Rig(NumpyModel(), outlet, tracing=kept.tracing) as rig:
        rig.accept(one())
        await rig.wait_until_acknowledged(1)
    consumed = kept.named("consume in")
    assert (consumed.parent.trace_id, consumed.parent.span_id) == (int(TRACE, 16), int(SPAN, 16))
    assert consumed.links[0].context.span_id == int(SPAN, 16)
