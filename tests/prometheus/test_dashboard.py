"""Whether every panel, alert and recorded figure has data, when a real Prometheus scrapes a real service at work."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from models.classifier import export_mlp
from scripts import dashboard as script
from tests.broker.records import Record
from tests.broker.session import Broker
from tests.broker.topics import fresh_topics
from tests.browser.chromium import Chrome, tab
from tests.e2e.conftest import record
from tests.e2e.service import Service, environment
from tests.prometheus.panels import DASHBOARD, Query, choices, dashboard, filled_in, first_shown, panels, queries
from tests.prometheus.picture import picture
from tests.prometheus.programs import promtool
from tests.prometheus.rules import alerts, metrics_in, recordings
from tests.prometheus.server import Prometheus, prometheus
from tests.prometheus.test_rules import OTHERS, names

# What has data in another mode than that of the service here.
WITHOUT_DATA = {
    "Candidates": "counts with RANK_BY=candidates only",
    "GPU memory": "needs a model on a GPU",
}
GENERAL = {"process_open_fds", "process_max_fds", "python_gc_collections_total"}
QUERIES = [query for panel in panels() for query in queries(panel)]


@dataclass
class Watched:
    """A service and the Prometheus that watches it."""

    prometheus: Prometheus
    service: Service
    began: float

    def shown(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """What the dashboard gets for an expression of its own when it is opened."""
        return self.prometheus.query(filled_in(expression, first_shown(self.prometheus.label_values)))


@pytest.fixture(scope="module")
def watched(kafka: Broker, needs_prometheus: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A service with a shadow, a version that cannot be loaded, batches that are padded, and dead letters."""
    folder = tmp_path_factory.mktemp("watched")
    versions = folder / "versions"
    for number in (1, 2):
        export_mlp(versions / str(number), seed=number)
    variables = {
        "MODEL_SHADOW_VERSION": "2",
        "MODEL_POLL_SECONDS": "1",
        "BATCH_ALLOWED_SIZES": "8,64,512",
    }
    features = np.random.default_rng(1).random((64, 32), dtype=np.float32)
    with fresh_topics(kafka) as topics, Service(folder, environment(topics, versions) | variables) as service:
        service.wait_until_ready()
        service.wait_for(lambda: bool(service.status()["model"]["versions"]["shadow"]), 120)
        with prometheus(folder, [service.port], hurry=200, windows=False) as server:
            # From here on Prometheus has seen all counters at 0.
            server.until(lambda: server.query("streamrank_ready == 1"), "the service is seen to be ready")
            server.until(lambda: not server.firing(), "nothing is the matter")
            began = time.time()
            (versions / "3").mkdir()
            (versions / "3" / "saved_model.pb").write_bytes(b"no model")
            for wave in range(8):
                rows = [record(wave * 64 + place, row) for place, row in enumerate(features)]
                bad = [Record(b"{", partition=wave % 4) for _ in range(10)]
                topics.client.write(topics.input, [*rows, *bad])
                topics.client.wait_until_committed(topics.input, topics.group)
            all_in = f'sum(streamrank_records_total{{outcome="dead_lettered"}}) == {8 * 10}'
            server.until(lambda: server.query(all_in), "every record is seen")
            yield Watched(server, service, began)
        assert service.stop() == 0


@pytest.mark.parametrize("query", [query for query in QUERIES if query.panel not in WITHOUT_DATA], ids=str)
def test_a_panel_has_data(watched: Watched, query: Query):
    watched.prometheus.until(lambda: watched.shown(query.expression), f"data for {query.expression}")


@pytest.mark.parametrize("query", [query for query in QUERIES if query.panel in WITHOUT_DATA], ids=str)
def test_a_panel_of_another_mode_is_understood(watched: Watched, query: Query):
    assert watched.shown(query.expression) == []


def test_what_the_legends_name_is_there(watched: Watched):
    for query in QUERIES:
        wanted = set(re.findall(r"{{(\w+)}}", query.legend))
        for labels, _ in watched.shown(query.expression):
            assert wanted <= labels.keys(), query


def test_the_figures_are_those_of_what_was_sent(watched: Watched):
    server = watched.prometheus
    refused = 'sum by (reason) (streamrank_dead_letters_total{job=~"$job"}) > 0'
    assert watched.shown(refused) == [({"reason": "invalid_json"}, 80)]
    assert server.query('streamrank_records_total{outcome="published"}')[0][1] == 512
    share = 'job_outcome:streamrank_records:ratio_rate5m{outcome="dead_lettered"}'
    server.until(lambda: server.query(share)[0][1] == pytest.approx(80 / 592), "the share of dead letters")


def test_the_choices_at_the_top_have_something_to_choose_from(watched: Watched):
    listed = choices(watched.prometheus.label_values)
    assert listed["job"] == ["streamrank"]
    assert listed["instance"] == [f"127.0.0.1:{watched.service.port}"]
    assert {*listed["stage"]} == {"decode", "queue", "predict", "encode", "publish"}


def test_the_targets_of_others_are_not_counted_among_the_workers(watched: Watched):
    server = watched.prometheus
    server.until(lambda: server.query('up{job="prometheus"} == 1'), "another job is scraped")
    (workers,) = [query for query in QUERIES if query.panel == "Workers"]
    assert watched.shown(workers.expression) == [({}, 1)]
    memory = watched.shown('process_resident_memory_bytes{job=~"$job"}')
    assert {labels["job"] for labels, _ in memory} == {"streamrank"}


def test_the_service_tells_how_many_partitions_there_are_and_reads_all_of_them(watched: Watched):
    server = watched.prometheus
    assert [value for _, value in server.query("streamrank_input_partitions")] == [4]
    server.until(lambda: server.query("job:streamrank_partitions:count == 4"), "all are read")


def test_every_rule_is_evaluated(watched: Watched):
    server = watched.prometheus
    found = server.rules()
    assert {rule["name"] for rule in found} == alerts().keys() | recordings().keys()
    server.until(lambda: {rule["health"] for rule in server.rules()} == {"ok"}, "all rules evaluated")
    assert [rule for rule in server.rules() if rule.get("lastError")] == []


@pytest.mark.parametrize("name", recordings())
def test_what_is_recorded_has_data(watched: Watched, name: str):
    watched.prometheus.until(lambda: watched.prometheus.query(name), f"data for {name}")


def test_bad_records_and_a_bad_version_fire_their_alerts_and_no_other(watched: Watched):
    expected = {"StreamRankDeadLetters", "StreamRankModelLoadFailed", "StreamRankModelStale"}
    # Two models with random weights agree about nothing; a busy machine may be slow.
    allowed = expected | {"StreamRankShadowDisagrees", "StreamRankLatencyHigh"}
    server = watched.prometheus
    server.until(lambda: expected <= server.fired(watched.began), "the alerts fire")
    assert server.fired(watched.began) <= allowed
    assert "3" in watched.service.status()["model"]["versions"]["refused"]


def test_names_and_types_of_what_is_exposed_are_as_prometheus_wants_them(watched: Watched):
    status, said = promtool("check", "metrics", given=watched.service.get("/metrics")[1])
    assert (status, said) == (0, "")


def test_the_dashboard_is_what_the_script_writes():
    assert DASHBOARD.read_text() == script.text()


def test_panels_ask_for_metrics_that_there_are_and_every_metric_has_a_panel():
    asked = set().union(*(metrics_in(query.expression) for query in QUERIES))
    assert asked <= names() | OTHERS | GENERAL | recordings().keys()
    shown = asked | set().union(*(metrics_in(recordings()[name]) for name in asked & recordings().keys()))
    families = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in shown}
    assert {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in names()} <= families


def test_traces_are_shown_beside_the_latency_and_once():
    asked = [
        (panel["title"], target["legendFormat"])
        for panel in panels()
        for target in panel["targets"]
        if target.get("exemplar")
    ]
    assert asked == [("Quantiles", "p50")]


def test_panels_lie_beside_each_other_and_are_described():
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert all(panel["description"] and panel["fieldConfig"]["defaults"]["unit"] for panel in panels())
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])


def test_a_picture_shows_every_panel_with_the_data_of_this_run(watched: Watched, browser: Chrome, tmp_path: Path):
    page_file = tmp_path / "dashboard.html"
    page_file.write_text(picture(watched.prometheus, watched.began - 2, time.time()))
    with tab(browser, page_file.as_uri()) as page:
        page.load()
        height = page.run("return document.documentElement.scrollHeight")
        page.shaped(width=1500, height=height)
        titles = page.run("return [...document.querySelectorAll('figcaption')].map(each => each.innerText)")
        empty = page.run("return [...document.querySelectorAll('figure.empty figcaption')].map(each => each.innerText)")
        assert titles == [panel["title"] for panel in panels()]
        assert set(empty) == set(WITHOUT_DATA)
        page.keep_screenshot("dashboard")
