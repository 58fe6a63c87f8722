"""The live page of a whole service, in a real browser."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome

from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.browser.chromium import Page, tab
from tests.e2e.conftest import record
from tests.e2e.service import Service, environment

EVIL = "<img src=x onerror=alert(1)>"


@contextmanager
def seen(browser: Chrome, service: Service) -> Iterator[Page]:
    """The page of a service, which must load nothing from elsewhere and be content with itself."""
    url = f"http://127.0.0.1:{service.port}/"
    with tab(browser, url) as page:
        page.load()
        page.until(lambda: page.text("#state") == "Live, ready")
        yield page
        assert not page.has_dialog()
        assert page.complaints() == []
        assert [asked for asked in page.requests() if not asked.startswith(url)] == []


def evil(number: int) -> Record:
    """A record, its id, key and a field of which look like markup."""
    value = {"id": EVIL, "features": [number / 100] * 32, "shown": EVIL}
    return Record(json.dumps(value).encode(), key=EVIL.encode(), partition=number % 4)


def test_what_a_service_does_is_seen_and_markup_in_ids_labels_and_fields_is_text(
    topics: Topics, mlp: Path, tmp_path: Path, browser: Chrome
):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"{EVIL}{number}\n" for number in range(10)))
    variables = {
        "MODEL_LABELS_PATH": str(labels),
        "MODEL_NAME": EVIL,
        "PAGE_SHOWS_RECORDS": "true",
        "PAGE_FIELDS": '["shown"]',
        "PAGE_SCORES_AS": "softmax",
        "RANK_TOP_K": "3",
    }
    with Service(tmp_path, environment(topics, mlp) | variables) as service:
        service.wait_until_ready()
        with seen(browser, service) as page:
            topics.client.write(topics.input, [Record(b"{", partition=0), *map(evil, range(40))])
            page.until(lambda: page.rows("#letters") and len(page.rows("#newest")) == 16)
            name, entries, shown, version, _age = page.rows("#newest")[0]
            assert (name, shown, version) == (EVIL, EVIL, "unversioned")
            assert entries.count(EVIL) == 3
            assert page.rows("#letters") == [["decode", "invalid_json", "1"]]
            page.until(lambda: "Published in all\n40" in page.text("#figures"))
            page.until(lambda: "Lag, records\n0" in page.text("#figures"))
            assert f"Name\n{EVIL}" in page.text("#model")
            assert page.run("return document.querySelectorAll('img').length") == 0
            assert page.text("#route").startswith(f"{topics.input} to {topics.output}, ranked by classes")
            page.keep_screenshot("service")
        assert service.stop() == 0


def test_lists_of_candidates_are_seen_by_their_structure_unless_records_are_shown(
    topics: Topics, mlp: Path, features, tmp_path: Path, browser: Chrome
):
    candidates = [{"id": f"horse {number}", "features": features[number].tolist()} for number in range(7)]
    value = json.dumps({"id": "the race", "candidates": candidates}).encode()
    variables = {"RANK_BY": "candidates", "RANK_TOP_K": "0", "MODEL_SCORE_COLUMN": "0"}
    with Service(tmp_path, environment(topics, mlp) | variables) as service:
        service.wait_until_ready()
        with seen(browser, service) as page:
            topics.client.write(topics.input, [Record(value, partition=2)])
            page.until(lambda: page.rows("#newest"))
            place, entries, _age = page.rows("#newest")[0]
            assert (place, entries) == (f"{topics.input}[2]@0", "7")
            source = page.run("return document.documentElement.outerHTML")
            assert "horse" not in source
            assert "the race" not in source
        assert service.stop() == 0


def test_an_open_page_does_not_hold_up_a_stop_and_tells_that_it_is_alone(
    topics: Topics, mlp: Path, tmp_path: Path, browser: Chrome
):
    with Service(tmp_path, environment(topics, mlp)) as service:
        service.wait_until_ready()
        with tab(browser, f"http://127.0.0.1:{service.port}/") as page:
            page.load()
            page.until(lambda: page.text("#state") == "Live, ready")
            topics.client.write(topics.input, [record(0, [0.0] * 32)])  # type: ignore[arg-type]
            topics.client.read(topics.output, 1)
            assert service.stop() == 0
            page.until(lambda: page.text("#state") == "Connection lost, trying again")
