"""A headless Chromium, as Debian packages it, and what the tests ask of a page in it."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from tests.programs import why_missing

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
WITHIN = 30  # far more than anything takes
_PROGRAMS = ("chromium", "chromedriver")


class ChromiumUnavailable(Exception):
    """There is no Chromium on this machine; the message says how to get one."""


def why_no_chromium() -> str | None:
    """None when Chromium is here, else what is missing; ChromiumUnavailable when REQUIRE_CHROMIUM=1 insists."""
    return why_missing(
        _PROGRAMS,
        shutil.which,
        remedy="scripts/chromium.sh installs Debian's packages",
        insists="REQUIRE_CHROMIUM",
        error=ChromiumUnavailable,
    )


@contextmanager
def chromium(profile: Path) -> Iterator[Chrome]:
    """Start it with a profile of its own."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    options.unhandled_prompt_behavior = "ignore"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # Without a sandbox of its own it runs in containers and as root, too; it sees nothing but our own page.
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", f"user-data-dir={profile}"):
        options.add_argument(f"--{argument}")
    driver = Chrome(options, ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """A page in a tab of its own."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self._driver = driver
        self._url = url

    def shaped(self, width: int = 1100, height: int = 1400, media: Mapping[str, str] | None = None) -> None:
        """Give the window a size in CSS pixels, and what a style sheet may ask of the user's wishes."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": name, "value": value} for name, value in (media or {}).items()]
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def load(self) -> None:
        self._driver.get(self._url)

    def run(self, script: str, *arguments: Any) -> Any:
        return self._driver.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        """What can be read in an element; nothing where it is hidden."""
        return self._driver.find_element(By.CSS_SELECTOR, selector).text

    def rows(self, selector: str) -> list[list[str]]:
        """The cells of a table's body."""
        cells = "return [...document.querySelectorAll(arguments[0])].map(r => [...r.cells].map(c => c.innerText))"
        return self.run(cells, f"{selector} tbody tr")

    def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + WITHIN
        while not condition():
            assert time.monotonic() < deadline, f"in vain; the page says:\n{self.text('body')}\n{self.complaints()}"
            time.sleep(0.02)

    def press(self, *keys: str) -> None:
        ActionChains(self._driver).send_keys(*keys).perform()

    def focused(self) -> str:
        """What a key would go to: its name and its text or id."""
        script = "const e = document.activeElement; return e.localName + ' ' + (e.id || e.innerText)"
        return self.run(script)

    def tab(self) -> str:
        self.press(Keys.TAB)
        return self.focused()

    def has_dialog(self) -> bool:
        try:
            return bool(self._driver.switch_to.alert)
        except NoAlertPresentException:
            return False

    def complaints(self) -> list[str]:
        """What the console was told since the last time, violations of the policy too."""
        return [f"{each['level']}: {each['message']}" for each in self._driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The URLs that were asked for since the last time."""
        events = (json.loads(each["message"])["message"] for each in self._driver.get_log("performance"))
        return [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]

    def outline(self) -> list[tuple[str, str]]:
        """Roles and names of all that a screen reader is told of, in order."""
        nodes = self._driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        told = [node for node in nodes if not node["ignored"]]
        return [(str(node["role"]["value"]), str(node.get("name", {}).get("value", ""))) for node in told]

    def keep_screenshot(self, name: str) -> None:
        """Leave a picture of the window in `build/screenshots`."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        assert self._driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))


@contextmanager
def tab(driver: Chrome, url: str) -> Iterator[Page]:
    """A fresh tab for *url*, not loaded yet; nothing of other tabs is in its logs."""
    first = driver.current_window_handle
    driver.switch_to.new_window("tab")
    page = Page(driver, url)
    page.shaped()
    page.complaints()
    page.requests()
    try:
        yield page
    finally:
        driver.close()
        driver.switch_to.window(first)
