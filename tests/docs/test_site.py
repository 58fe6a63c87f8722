"""The site: built strictly, whole, and for readers without a server and without a network."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from selenium.webdriver import Chrome

from scripts import documentation
from tests.browser.chromium import tab
from tests.docs.pages import ROOT

# What a browser fetches by itself when it shows a page.
FETCHED = {
    "script": ["src"],
    "img": ["src", "srcset"],
    "source": ["src", "srcset"],
    "iframe": ["src"],
    "embed": ["src"],
    "audio": ["src"],
    "video": ["src", "poster"],
    "object": ["data"],
    "input": ["src"],
    "image": ["href", "xlink:href"],
    "use": ["href", "xlink:href"],
    "link": ["href"],
}
NOT_FETCHED = {"next", "prev", "canonical", "alternate"}
IN_STYLES = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


@dataclass
class Page(HTMLParser):
    """What a built page refers to."""

    path: Path
    resources: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.anchors |= {told[name] for name in ("id", "name") if name in told}
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        if tag == "link" and told.get("rel") in NOT_FETCHED:
            self.links.append(told["href"])
        else:
            self.resources += [told[name] for name in FETCHED.get(tag, []) if name in told]
        self.resources += in_styles(told.get("style", ""))

    def handle_data(self, data: str) -> None:
        self.resources += in_styles(data) if self.lasttag == "style" else []


def in_styles(text: str) -> list[str]:
    return [first or second for first, second in IN_STYLES.findall(text)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stderr
    return folder


# Not --quiet: warnings that are not shown are not counted, and all is well however strict it is.
def build(config: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", config, "--site-dir"]
    return subprocess.run([*command, folder], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def pages(built: Path) -> list[Page]:
    return [Page(path) for path in built.rglob("*.html")]


def is_elsewhere(reference: str) -> bool:
    parts = urlsplit(reference)
    return bool(parts.netloc) or parts.scheme not in {"", "data"}


def test_no_page_is_missing(built: Path) -> None:
    there = {path.stem for path in built.glob("*.html")}

    assert {page.stem for page in (ROOT / "docs").glob("*.md")} | {"benchmarks"} <= there
    assert "StreamRank, `exactly_once`" in documentation.benchmarks()


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}

    # These are in the README itself.
    assert {page for page in pages if f"]({page}" not in readme} == {
        "docs/index.md",
        "docs/metrics.md",
        "docs/settings.md",
    }


def test_no_page_fetches_anything_from_elsewhere(built: Path, pages: list[Page]) -> None:
    styles = [(path, in_styles(path.read_text(encoding="utf-8"))) for path in built.rglob("*.css")]

    fetched = [(page.path, page.resources) for page in pages] + styles

    assert sum(len(references) for _, references in fetched) > len(pages)
    assert [(path.name, each) for path, references in fetched for each in references if is_elsewhere(each)] == []


def test_every_resource_link_and_anchor_is_there(built: Path, pages: list[Page]) -> None:
    anchors = {page.path: page.anchors for page in pages}

    def is_there(page: Path, reference: str) -> bool:
        parts = urlsplit(reference)
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        target = target / "index.html" if target.is_dir() else target
        fragment = unquote(parts.fragment)
        return target.is_file() and (not fragment or fragment in anchors[target])

    ours = {page.path: [each for each in page.resources + page.links if not is_elsewhere(each)] for page in pages}

    assert sum(map(len, ours.values())) > 1000
    # The page for what is not found does not know where it will be asked for; without a server nobody asks.
    ours.pop(built / "404.html")
    broken = [(page.name, each) for page, all_of_it in ours.items() for each in all_of_it if not is_there(page, each)]
    assert [(name, each) for name, each in broken if not each.startswith("data:")] == []


def test_links_to_elsewhere_are_encrypted(pages: list[Page]) -> None:
    away = {each for page in pages for each in page.links if is_elsewhere(each)}

    assert [
        each
        for each in away
        if urlsplit(each).hostname not in {"127.0.0.1", "localhost"} and urlsplit(each).scheme != "https"
    ] == []


@pytest.mark.parametrize("text", ["[gone](gone.md)", "[gone](#gone)", "[gone](/gone)"])
def test_a_link_that_leads_nowhere_is_an_error(text: str, tmp_path: Path) -> None:
    hook = "scripts/documentation.py"
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").replace(hook, str(ROOT / hook))
    (tmp_path / "mkdocs.yml").write_text(config)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    with (tmp_path / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{text}\n")

    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")

    assert (done.returncode, "gone" in done.stderr) == (1, True)


def test_make_docs_builds_as_strictly_as_the_tests_do() -> None:
    said = subprocess.run(["make", "--dry-run", "docs"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    (line,) = (line for line in said.splitlines() if "mkdocs" in line and "pip" not in line)
    assert line.endswith("-m mkdocs build --strict")


def test_the_search_works_in_files_and_asks_nobody(built: Path, browser: Chrome) -> None:
    with tab(browser, (built / "index.html").as_uri()) as page:
        page.load()
        page.run("document.querySelector('#__search').click(); document.querySelector('.md-search__input').focus()")
        page.press("conflation")
        page.until(lambda: page.run("return document.querySelectorAll('.md-search-result__item').length"))

        assert "Standings" in page.text(".md-search-result__list")
        assert [each for each in page.requests() if not each.startswith(("file:", "data:", "blob:"))] == []
        assert page.complaints() == []
        page.keep_screenshot("docs")
