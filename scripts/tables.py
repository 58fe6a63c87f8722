"""Write what is generated: tables of README and documentation, the example of a `.env` file, parts of the chart."""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from config.settings import VARIABLES
from config.variables import Variable
from scripts import chart

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
ENV_EXAMPLE = ROOT / "config" / ".env.example"
KUBERNETES = ROOT / "docs" / "kubernetes.md"

_WORDS = {"required", "unset", "inferred", "last folder name", "as it needs", "in the system's temporary folder"}
"""What a default's text says in words, not as a value."""


_ENV_HEAD = """\
# Copy this file to .env in the directory that the service starts in. The environment wins over it.
# An empty variable counts as unset.
"""


def settings_table() -> str:
    """Return the table of all variables, in Markdown."""
    rows = ((f"`{one.name}`", _default(one), one.meaning) for one in VARIABLES.values())
    return _table(("variable", "default", "meaning"), rows)


def metrics_table() -> str:
    """Return the table of all metrics, in Markdown."""
    from app.catalogue import catalogue

    rows = ((f"`{one.name}`", str(one.kind), _listed(one.labels), one.meaning) for one in catalogue())
    return _table(("metric", "kind", "labels", "meaning"), rows)


def values_table() -> str:
    """Return the table of all values of the chart beside the settings, in Markdown."""
    rows = ((f"`{name}`", f"`{default}`", meaning) for name, default, meaning in chart.values())
    return _table(("value", "default", "meaning"), rows)


def render(page: str, *names: str) -> str:
    """Return *page* with the tables *names* (default: all) as they should be; everything outside the markers stays.

    Raises:
        ValueError: a pair of markers is missing.
    """
    for name in names or _TABLES:
        page = _between(page, name, _TABLES[name])
    return page


def env_example() -> str:
    """Return a `.env` file: made-up values for what is required, the defaults of all others commented out."""
    blocks = (f"# {_comment(one)}\n{_assignment(one)}\n" for one in VARIABLES.values())
    return "\n".join((_ENV_HEAD, *blocks))


def main() -> int:
    """Write the generated parts, or with --check say whether they are up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit status 1 when something is out of date"
    )
    check = parser.parse_args().check
    stale = list(_stale())
    for path, text in stale:
        if check:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run make docs\n")
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


def _stale() -> Iterator[tuple[Path, str]]:
    for path, wanted in _wanted():
        if not path.exists() or path.read_text(encoding="utf-8") != wanted:
            yield path, wanted


def _wanted() -> Iterator[tuple[Path, str]]:
    yield README, render(README.read_text(encoding="utf-8"))
    for name in _TABLES:
        page = DOCS / f"{name}.md"
        yield page, render(page.read_text(encoding="utf-8"), name)
    yield KUBERNETES, _between(KUBERNETES.read_text(encoding="utf-8"), "values", values_table)
    yield ENV_EXAMPLE, env_example()
    yield chart.CHART_FILE, chart.chart(chart.CHART_FILE.read_text(encoding="utf-8"))
    yield chart.SCHEMA_FILE, chart.schema(chart.SCHEMA_FILE.read_text(encoding="utf-8"))


_TABLES: dict[str, Callable[[], str]] = {"settings": settings_table, "metrics": metrics_table}
"""Each is in the README, and in a page of its own."""


def _between(text: str, name: str, table: Callable[[], str]) -> str:
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found, rest = text.partition(begin)
    _, also_found, after = rest.partition(end)
    if not found or not also_found:
        raise ValueError(f"there is no {begin} followed by {end}")
    return f"{before}{begin}\n{table()}\n{end}{after}"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *(tuple(cell.replace("|", r"\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _default(variable: Variable) -> str:
    return variable.default_text if variable.default_text in _WORDS else f"`{variable.default_text}`"


def _listed(labels: Iterable[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def _comment(variable: Variable) -> str:
    meaning = variable.meaning.replace("`", "")
    told = variable.required or variable.default or variable.default_text == "unset"
    return meaning if told else f"{meaning} (default: {variable.default_text})"


def _assignment(variable: Variable) -> str:
    if variable.required:
        return f"{variable.name}={variable.example}"
    return f"#{variable.name}={variable.default or ''}"


if __name__ == "__main__":
    sys.exit(main())
