"""What the site has beyond the pages in docs: the benchmarks, from the README and from benchmarks/README.md."""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent

_SECTION = re.compile(r"^## Benchmarks$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_INTO_THE_SITE = {
    # As they stand in the repository, where there is no such page: and as they are here.
    "(../README.md#benchmarks)": "(benchmarks.md)",
    "(../README.md#settings)": "(settings.md)",
    "(../README.md#metrics)": "(metrics.md)",
    "(benchmarks/README.md)": "(#what-is-measured-and-how)",
    "(docs/": "(",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    files.append(File.generated(config, "benchmarks.md", content=benchmarks()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links to the README's tables to the site's own pages."""
    return _moved(markdown)


def benchmarks() -> str:
    """Return the last results, and how they came about.

    Raises:
        ValueError: the README has no section called Benchmarks.
    """
    found = _SECTION.search((ROOT / "README.md").read_text(encoding="utf-8"))
    if not found:
        raise ValueError("the README has no section called Benchmarks")
    title, _, how = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8").partition("\n")
    if title != "# The benchmark":
        raise ValueError(f"benchmarks/README.md begins with {title!r}")
    return _moved(f"# Benchmarks\n{found[1]}\n## The method\n{how.replace('## ', '### ')}")


def _moved(markdown: str) -> str:
    for there, here in _INTO_THE_SITE.items():
        markdown = markdown.replace(there, here)
    return markdown
