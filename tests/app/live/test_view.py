"""What is to be seen of a worker; tests/e2e sees a whole one."""

import time

import msgspec

from app.errors import Reason, RejectedRecord
from tests.app.live.scene import Scene, ranking, standing


def test_figures_letters_and_rankings_are_those_since_somebody_watches():
    scene = Scene(PAGE_SHOWS_RECORDS="true")
    scene.publish(({}, ranking("before", [])))
    scene.view.begin()
    scene.publish(({}, ranking("r1", [("cat", 0.75)])))
    scene.refuse(RejectedRecord(Reason.WRONG_TYPE, ""))
    message = scene.view.now()
    assert [each.id for each in message.rankings] == ["r1"]
    assert message.totals == {"published": 2, "dead_lettered": 1, "expired": 0, "superseded": 0}
    assert message.dead_letters == [("validate", "wrong_type", 1)]
    assert message.latency is not None
    assert message.latency.records == 2
    assert (message.model, message.lag, message.in_flight, message.reason) == (None, None, 0, None)


def test_after_the_end_nothing_is_kept_and_a_new_beginning_begins_anew():
    scene = Scene(PAGE_SHOWS_RECORDS="true")
    scene.view.begin()
    scene.publish(({}, ranking("r1", [])))
    scene.view.now()
    scene.view.end()
    scene.publish(({}, ranking("r2", [])))
    scene.view.begin()
    message = scene.view.now()
    assert (message.rankings, message.latency) == ([], None)


def test_the_largest_event_is_small_and_soon_made():
    fields = "[" + ",".join(f'"f{number}"' for number in range(8)) + "]"
    scene = Scene(PAGE_SHOWS_RECORDS="true", PAGE_FIELDS=fields)
    scene.view.begin()
    horses = [f"horse {number} {'x' * 60}" for number in range(20)]
    for _ in range(20):
        for number in range(32):
            for horse in horses[:8]:
                record = {"id": horse, **{f"f{field}": "y" * 60 for field in range(8)}}
                value = standing(f"race {number}", [(name, 1.0, 1) for name in horses])
                scene.publish((record, value), partition=number % 8)
            scene.view.now()
    began = time.perf_counter()
    event = msgspec.json.encode(scene.view.now())
    print(f"{len(event)} bytes in {(time.perf_counter() - began) * 1000:.1f} ms")
    assert len(event) < 512 * 1024


def test_values_appear_only_with_leave():
    scene = Scene()
    scene.view.begin()
    scene.publish(({"id": "secret"}, ranking("secret", [("hush", 1.0)])))
    event = msgspec.json.encode(scene.view.now())
    assert b"in[0]@0" in event
    assert b"secret" not in event
    assert b"hush" not in event
