"""The pages of the documentation, their blocks of commands, and what is said about who runs these.

The line before a block of commands is a comment that nobody sees on the page, and says one of

    <!-- run -->                            the test runs it, after the page's earlier ones and in the same shell
    <!-- run: serves -->                    so it does, and goes on when the service is ready
    <!-- tested: tests/test_a.py .ci/run -->  these files run it; its words and options stand in one of them
    <!-- needs: docker -->                  it needs what not every machine has; one of `LACKING`
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
LACKING = {"docker", "kubernetes", "gpu", "network"}
LANGUAGES = {"sh", "bash", "shell", "zsh", "console"}
_FENCE = re.compile(r"^ *(`{3,}|~{3,})\s*([\w-]*)")
_MARKER = re.compile(r"<!-- (run|tested|needs)(?:: (.+?))? -->")
_WORD = re.compile(r"[a-z][a-z-]*")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        page: the file, from the repository's root.
        line: the number of its fence.
        language: what the fence says.
        text: what is in it.
        kind: `run`, `tested`, `needs`, or nothing.
        detail: what the marker says besides.
    """

    page: str
    line: int
    language: str
    text: str
    kind: str = ""
    detail: str = ""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def has_commands(self) -> bool:
        return self.language in LANGUAGES

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command, without redirections and variables."""
        text = self.text
        if self.language == "console":
            text = "\n".join(line.lstrip()[2:] for line in text.splitlines() if line.lstrip().startswith("$ "))
        text = re.sub(r"<<'?(\w+)'?(.*)\n(?s:.*?)\n\1$", r"\2", text, flags=re.MULTILINE)
        return [words for line in _lines(text) if (words := _words(line))]


def pages() -> list[Path]:
    """Everything that is read by users."""
    return [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of *page*."""
    name = str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name
    before, opened, inside = "", None, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, inside = (number, fence[1], fence[2]), []
        elif opened is not None and line.strip().startswith(opened[1]):
            marker = _MARKER.fullmatch(before)
            kind, detail = (marker[1], marker[2] or "") if marker else ("", "")
            yield Block(name, opened[0], opened[2], "\n".join(inside), kind, detail)
            opened, before = None, ""
        elif opened is not None:
            inside.append(line)
        elif line.strip():
            before = line.strip()


def prose(page: Path) -> str:
    """What of *page* is outside of fences."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def essential(words: list[str]) -> list[str]:
    """Of a command, what has to be tested: the program's own commands and its options; of an address its path."""
    program, *others = words
    if program == "make":
        target, *variables = others
        given = [each.partition("=")[2] for each in variables if each.startswith("ARGS=")]
        return [target, *options(shlex.split(" ".join(given)))]
    if program == "curl":
        return [urlsplit(word).path for word in others if "/" in word]
    commands = []
    for word in others:
        if not _WORD.fullmatch(word):
            break
        commands.append(word)
    return [*(commands if program == "streamrank" else [program]), *options(others)]


def options(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


def _lines(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        # A quoted newline is not a command's end, but no page has one outside of a here-document.
        yield from re.split(r" \| |; | && | \|\| ", re.sub(r"(^|\s)# .*", "", line))


def _words(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    ends = [at for at, word in enumerate(words) if word in {">", ">>", "<", "&", "2>", "<<"}]
    words = words[: ends[0]] if ends else words
    return [] if words[:1] in ([], ["export"]) else words
