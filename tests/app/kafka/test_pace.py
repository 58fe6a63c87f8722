"""When to fetch more."""

import pytest

from app.kafka.consuming import make_app
from app.kafka.pace import Pace
from tests.app.kafka.harness import Receiver, settings_for
from tests.broker.topics import Topics


async def test_a_few_are_waited_for_as_long_as_patience_lasts_and_many_until_they_are_no_longer(
    monkeypatch: pytest.MonkeyPatch,
):
    pace = Pace(few=3, most_records=10)
    assert await pace.wait(0)
    pace.began(2)
    monkeypatch.setattr("app.kafka.pace.PATIENCE_SECONDS", 0.01)
    assert await pace.wait(60)  # for the first time because patience ended
    assert pace._records == 2
    pace.began(77)
    assert await pace.wait(0)
    pace.began(1)
    assert not await pace.wait(0.01)
    pace.ended(1)
    assert await pace.wait(60)


@pytest.mark.parametrize(
    ("conflates", "batch", "few", "most"),
    [(False, 64, 256, 512), (False, 1024, 512, 1024), (True, 64, 256, 4096), (True, 8192, 4096, 8192)],
)
def test_larger_chunks_where_records_are_left_out_change_nothing_about_what_is_few(
    topics: Topics, conflates: bool, batch: int, few: int, most: int
):
    settings = settings_for(topics, BATCH_MAX_SIZE=str(batch))
    app = make_app(settings.kafka, settings.batch, Receiver(), conflates=conflates)
    assert (app.few_records, app.most_records) == (few, most)
