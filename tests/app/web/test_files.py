"""The page's files as they are served."""

import re
from importlib.resources import files

import pytest
from aiohttp import ClientSession

from app.web.files import page_files
from tests.app.web.worker import Worker, listening

FILES = page_files()


def texts() -> dict[str, str]:
    return {each.name: each.read_text() for each in files("app.web").joinpath("page").iterdir()}


@pytest.mark.parametrize("path", FILES)
async def test_each_file_has_its_type_and_the_headers_that_keep_a_browser_to_it(path: str):
    async with listening(Worker()) as port, ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get(path) as answer:
            assert answer.status == 200
            policy = dict(each.partition(" ")[::2] for each in answer.headers["Content-Security-Policy"].split("; "))
            assert policy.pop("default-src") == "'none'"
            assert policy.pop("require-trusted-types-for") == "'script'"
            assert set(policy.values()) == {"'none'", "'self'"}
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Content-Type"].endswith("; charset=utf-8")
            assert await answer.text()


def test_everything_that_the_files_ask_for_is_there():
    asked = set()
    for text in texts().values():
        asked |= set(re.findall(r'(?:href|src)="([^"#]+)"', text)) | set(re.findall(r'from "\./([^"]+)"', text))
    assert asked - {"status", "metrics"} <= {path.removeprefix("/") for path in FILES}


def test_no_file_asks_for_anything_elsewhere_or_makes_markup_of_text():
    for name, text in texts().items():
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == [], name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text), (
            name
        )
        assert not re.search(r"<(?:script|style)>|\son\w+=|\sstyle=", text), name


def test_the_page_is_small():
    assert sum(map(len, texts().values())) < 64 * 1024
