"""The live page in a real browser, fed without a broker; tests/e2e has it on a whole service."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from selenium.webdriver import Chrome, Keys

from app.errors import Reason, RejectedRecord
from app.web import hub
from tests.app.live.scene import Scene, ranking, standing
from tests.browser.chromium import Page, tab

EVIL = "<img src=x onerror=alert(1)>"
SHOWN = {"PAGE_SHOWS_RECORDS": "true"}
RACE = SHOWN | {
    "PAGE_FIELDS": '["position", "lap"]',
    "PAGE_SCORES_AS": "softmax",
    "RANK_BY": "standings",
    "STANDINGS_MEMBER_FIELD": "id",
    "STANDINGS_ORDER_FIELD": "lap",
}
LANDMARKS = ("banner", "navigation", "main", "contentinfo")


@contextmanager
def seen(browser: Chrome, scene: Scene) -> Iterator[Page]:
    with scene.serving() as url, tab(browser, url) as page:
        page.load()
        page.until(lambda: page.text("#state").startswith("Live"))
        yield page
        check(page, url)


def check(page: Page, url: str) -> None:
    """Nothing may be wrong, wherever a test has led the page."""
    assert not page.has_dialog()
    assert page.complaints() == []
    asked = page.requests()
    assert f"{url}events" in asked
    assert [each for each in asked if not each.startswith(url)] == []


def lap(scene: Scene, number: int, race: str = "race-7") -> None:
    """Let each of three horses go through a lap: the second overtakes the first in the end."""
    pace = {"h1": 1.6 - number / 10, "h2": 0.9 + number / 10, EVIL: 0.5 + number % 2 / 5}
    order = sorted(pace, key=lambda name: -pace[name])
    current = ["h1", "h2", EVIL]
    entries = [(name, pace[name], current.index(name) - place) for place, name in enumerate(order)]
    for place, name in enumerate(current, 1):
        scene.publish(({"id": name, "lap": number, "position": place}, standing(race, entries)))


def test_figures_dead_letters_and_the_newest_rankings_are_seen_as_they_come(browser: Chrome):
    scene = Scene(**SHOWN)
    with seen(browser, scene) as page:
        page.until(lambda: "Nothing was published" in page.text("#rankings"))
        assert page.text("#dead-letters p") == "None since the worker started."
        scene.publish(({"id": "r1"}, ranking("r1", [("cat", 0.75), ("dog", 0.25)])), ({"id": "r2"}, ranking("r2", [])))
        scene.refuse(RejectedRecord(Reason.WRONG_TYPE, "no number"))
        page.until(lambda: len(page.rows("#newest")) == 2 and page.rows("#letters"))
        newest, older = page.rows("#newest")
        assert (newest[0], older[0]) == ("r2", "r1")
        assert older[1].split() == ["cat", "0.75", "dog", "0.25"]
        assert page.rows("#letters") == [["validate", "wrong_type", "1"]]
        page.until(lambda: "Published in all\n2" in page.text("#figures"))
        assert page.text("#route") == "races to races.rankings, ranked by classes"


def test_what_keeps_the_worker_from_being_ready_is_said(browser: Chrome):
    scene = Scene()
    with seen(browser, scene) as page:
        scene.health.waiting_for["topics"] = "waiting for the topic races"
        page.until(lambda: page.text("#state") == "Live, not ready")
        assert page.text("#reason") == "waiting for the topic races"
        scene.health.waiting_for.clear()
        page.until(lambda: page.text("#state") == "Live, ready")
        assert page.text("#reason") == ""


def test_without_leave_nothing_of_records_reaches_the_browser(browser: Chrome):
    scene = Scene()
    with seen(browser, scene) as page:
        scene.publish(({"id": "secret"}, ranking("secret", [("hush", 1.0)])))
        scene.publish(({"id": "secret"}, standing("quiet", [("hush", 1.0, None)])), partition=1)
        page.until(lambda: len(page.rows("#newest")) == 2)
        assert {row[0]: row[1] for row in page.rows("#newest")} == {"in[0]@0": "1", "in[1]@1": "1"}
        source = page.run("return document.documentElement.outerHTML")
        assert not any(word in source for word in ("secret", "hush", "quiet"))


def test_a_standing_is_shown_with_places_won_and_lost_the_current_order_and_a_chart(browser: Chrome):
    scene = Scene(**RACE)
    with seen(browser, scene) as page:
        for number in range(1, 6):
            lap(scene, number)
            page.until(lambda number=number: [row[5] for row in page.rows("#standing")] == [str(number)] * 3)
        assert page.text("#order") == "at 5"
        assert page.run("return [...document.querySelectorAll('#chart polyline')].map(e => e.points.length)") == [5] * 3
        ends = page.run("return [...document.querySelectorAll('#chart text')].slice(-2).map(e => e.textContent)")
        assert ends == ["1", "5"]
        names = page.run("return [...document.querySelectorAll('#standing thead th')].map(e => e.innerText)")
        assert names == ["Rank", "Member", "Places", "Win probability", "position", "lap"]
        table = page.rows("#standing")
        assert [row[1] for row in table] == ["h2", "h1", EVIL]
        assert [row[4] for row in table] == ["2", "1", "3"]
        assert "1 place won" in table[0][2]
        assert "1 place lost" in table[1][2]
        assert sum(float(row[3].rstrip("%")) for row in table) == pytest.approx(100, abs=0.2)
        label = page.run("return document.querySelector('#chart').getAttribute('aria-label')")
        assert label.startswith("Win probability of the first 3, by the group's own order. Now: h2 ")
        assert not page.run("return document.querySelector('#rankings').checkVisibility()")


def test_when_a_group_falls_silent_one_that_is_live_is_shown(browser: Chrome):
    scene = Scene(**RACE)
    with seen(browser, scene) as page:
        lap(scene, 1, "race-1")
        page.until(lambda: len(page.rows("#standing")) == 3)

        def shown() -> str:
            lap(scene, 1, "race-2")
            return page.text("#standing-caption")

        page.until(lambda: "race-2" in shown())


def test_another_group_is_chosen_with_the_keyboard_and_stays_chosen(browser: Chrome):
    scene = Scene(**RACE)
    with seen(browser, scene) as page:
        lap(scene, 1, "race-1")
        scene.publish(({"id": "z"}, standing("race-2", [("z", 1.0, None)])))
        page.until(lambda: page.run("return document.querySelectorAll('#group option').length") == 2)
        page.run("document.querySelector('#group').focus()")
        page.press("race-2")
        page.until(lambda: [row[1] for row in page.rows("#standing")] == ["z"])
        assert "new" in page.rows("#standing")[0][2]
        lap(scene, 2, "race-0")
        page.until(lambda: page.run("return document.querySelectorAll('#group option').length") == 3)
        assert page.run("return document.querySelector('#group').value") == "race-2"


@pytest.mark.parametrize("place", ["id", "label", "group", "field", "version", "reason"])
def test_what_looks_like_markup_is_text_wherever_it_comes_from(browser: Chrome, place: str):
    scene = Scene(**SHOWN, PAGE_FIELDS=f'["{EVIL}"]', INPUT_TOPIC="races")
    said = {name: EVIL if name == place else name for name in ("id", "label", "group", "field", "version")}
    if place == "reason":
        scene.health.waiting_for["topics"] = EVIL
    with seen(browser, scene) as page:
        record = {"id": said["label"], EVIL: said["field"]}
        scene.publish((record, ranking(said["id"], [(said["label"], 1.0)], said["version"])))
        if place == "group":
            scene.publish((record, standing(EVIL, [("label", 1.0, None)])), partition=1)
        page.until(lambda: EVIL in page.text("body"))
        page.until(lambda: page.rows("#newest") or page.rows("#standing"))
        assert page.run("return document.querySelectorAll('img').length") == 0


def test_a_pause_ends_the_events_and_going_on_brings_them_back(browser: Chrome):
    scene = Scene(**SHOWN)
    with seen(browser, scene) as page:
        while page.tab() != "button pause":
            pass
        page.press(Keys.SPACE)
        assert page.text("#state") == "Paused"
        page.until(lambda: not scene.watched)
        scene.publish(({"id": "r1"}, ranking("r1", [("cat", 1.0)])))
        page.press(Keys.ENTER)
        page.until(lambda: page.text("#state") == "Live, ready")
        scene.publish(({"id": "r2"}, ranking("r2", [("cat", 1.0)])))
        page.until(lambda: [row[0] for row in page.rows("#newest")] == ["r2"])


def test_a_lost_connection_is_told_and_comes_back_by_itself(browser: Chrome):
    first, second = Scene(), Scene(INPUT_TOPIC="others")
    with ExitStack() as stack:
        with first.serving() as url:
            page = stack.enter_context(tab(browser, url))
            page.load()
            page.until(lambda: page.text("#state") == "Live, ready")
        page.until(lambda: page.text("#state") == "Connection lost, trying again")
        stack.enter_context(second.serving(int(url.rpartition(":")[2].rstrip("/"))))
        page.until(lambda: page.text("#state") == "Live, ready")
        assert page.text("#route").startswith("others to ")


def test_a_page_for_which_there_is_no_room_says_so_and_asks_again(browser: Chrome, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hub, "MOST", 0)
    with Scene().serving() as url, tab(browser, url) as page:
        page.load()
        page.run("const wait = setTimeout; window.setTimeout = (work, ms) => wait(work, Math.min(ms, 100))")
        page.until(lambda: page.text("#state") == "Connection lost, trying again")
        monkeypatch.undo()
        page.load()
        page.until(lambda: page.text("#state") == "Live, ready")


def test_a_page_that_is_hidden_is_sent_nothing(browser: Chrome):
    scene = Scene()
    with seen(browser, scene) as page:
        with tab(browser, "about:blank"):
            page.until(lambda: not scene.watched)
        page.until(lambda: page.text("#state") == "Live, ready")


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(browser: Chrome):
    scene = Scene(**RACE)
    with seen(browser, scene) as page:
        lap(scene, 1)
        page.until(lambda: page.rows("#standing"))
        reached = [page.tab() for _ in range(9)]
        assert reached == [
            "a Skip to the figures",
            "button pause",
            "a Stream",
            "a Standings",
            "a Dead letters",
            "a Model",
            "select group",
            reached[7],
            "a status",
        ]
        assert reached[7].startswith("div Predicted order")
        assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_screen_reader_finds_landmarks_headings_and_named_tables(browser: Chrome):
    scene = Scene(**RACE)
    with seen(browser, scene) as page:
        lap(scene, 1)
        scene.refuse(RejectedRecord(Reason.WRONG_TYPE, "no number"))
        page.until(lambda: page.rows("#letters") and page.rows("#standing"))
        outline = page.outline()
        assert [role for role, _ in outline if role in LANDMARKS] == list(LANDMARKS)
        assert [name for role, name in outline if role == "heading"] == [
            "StreamRank",
            "Stream",
            "Standings",
            "Dead letters",
            "Model",
        ]
        assert {name for role, name in outline if role == "table"} == {
            "Predicted order of race-7, by version 3",
            "Since the worker started, by reason",
        }
        assert [name for role, name in outline if role in {"button", "combobox"}] == ["Pause", "Group"]
        assert {role for role, _ in outline} >= {"status", "columnheader", "rowheader", "caption"}
        live = page.run("return [...document.querySelectorAll('[aria-live], [role=status]')].map(e => e.id)")
        assert live == ["state"]


WIDTHS, SCHEMES = {"wide": 1100, "narrow": 360}, ("light", "dark")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("mode", ["standings", "classes"])
def test_it_fits_into_every_width_and_can_be_read_in_every_light(browser: Chrome, mode: str, width: str, scheme: str):
    scene = Scene(**RACE) if mode == "standings" else Scene(**SHOWN)
    with seen(browser, scene) as page:
        page.shaped(WIDTHS[width], 1400, {"prefers-color-scheme": scheme})
        scene.refuse(RejectedRecord(Reason.WRONG_TYPE, "no number"))
        for number in range(1, 9):
            if mode == "standings":
                lap(scene, number, "a race with a rather long name")
                page.until(lambda number=number: page.text("#order") == f"at {number}")
            else:
                name = EVIL * 3 if number == 4 else f"r{number}"
                scene.publish(({}, ranking(name, [("a" * 90, 0.75), ("dog", 0.2), ("fish", 0.05)])))
                page.until(lambda number=number: len(page.rows("#newest")) == number)
        assert page.run("return document.documentElement.scrollWidth") <= WIDTHS[width]
        assert contrasts(page) >= 4.5
        page.keep_screenshot(f"{mode}-{width}-{scheme}")


def contrasts(page: Page) -> float:
    """The least contrast between text and what it stands on, as WCAG counts it."""
    return page.run(
        """
        const lightness = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
          .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
          .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const ground = (e) => {
          const colour = getComputedStyle(e).backgroundColor;
          return colour === "rgba(0, 0, 0, 0)" && e.parentElement ? ground(e.parentElement) : colour;
        };
        const readable = [...document.querySelectorAll("body *")]
          .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
        return Math.min(...readable.map((e) => {
          const style = getComputedStyle(e);
          const [a, b] = [lightness(e instanceof SVGElement ? style.fill : style.color), lightness(ground(e))];
          return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        }));
        """
    )


def test_who_wants_less_motion_gets_one_picture_a_second(browser: Chrome):
    scene = Scene()
    with seen(browser, scene) as page:
        page.shaped(media={"prefers-reduced-motion": "reduce"})
        page.load()
        page.until(lambda: page.text("#state").startswith("Live"))
        changes = page.run(
            """
            window.changes = 0;
            new MutationObserver(() => { window.changes += 1; })
              .observe(document.querySelector("#figures"), {subtree: true, childList: true, characterData: true});
            """
        )
        assert changes is None
        page.until(lambda: page.run("return window.changes") >= 3)
        assert page.run("return getComputedStyle(document.documentElement).scrollBehavior") == "auto"
