import subprocess
import sys
from pathlib import Path

import pytest

from app.catalogue import catalogue
from config.settings import VARIABLES, load_settings
from scripts import tables

README = """\
before
<!-- settings:begin -->what was there<!-- settings:end -->
between
<!-- metrics:begin --><!-- metrics:end -->
after"""


def test_all_tables_and_the_env_example_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, tables.__file__, "--check"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_settings_table_has_a_row_for_every_variable() -> None:
    rows = tables.settings_table().splitlines()

    assert len(rows) == 2 + len(VARIABLES)
    assert "| `INPUT_TOPIC` | required | the topic that records come from |" in rows
    assert "| `BATCH_MAX_DELAY_MS` | `0` | longest that the oldest row waits for company |" in rows
    assert any(row.startswith("| `BATCH_MAX_SIZE` | `512` |") for row in rows)


def test_the_metrics_table_has_a_row_for_every_metric() -> None:
    rows = tables.metrics_table().splitlines()

    assert [row.split("`")[1] for row in rows[2:]] == [metric.name for metric in catalogue()]
    assert any("| counter | `stage`, `reason` |" in row for row in rows)


def test_rendering_keeps_what_is_outside_the_markers_and_is_done_once() -> None:
    rendered = tables.render(README)

    assert "what was there" not in rendered
    assert rendered.replace(tables.settings_table(), "").replace(tables.metrics_table(), "") == (
        "before\n<!-- settings:begin -->\n\n<!-- settings:end -->\n"
        "between\n<!-- metrics:begin -->\n\n<!-- metrics:end -->\nafter"
    )
    assert tables.render(rendered) == rendered


def test_a_page_of_the_documentation_has_one_table() -> None:
    page = "before\n<!-- metrics:begin --><!-- metrics:end -->\nafter"

    assert tables.render(page, "metrics") == (
        f"before\n<!-- metrics:begin -->\n{tables.metrics_table()}\n<!-- metrics:end -->\nafter"
    )


@pytest.mark.parametrize("marker", ["settings:begin", "settings:end", "metrics:begin", "metrics:end"])
def test_a_readme_without_a_marker_is_refused(marker: str) -> None:
    with pytest.raises(ValueError, match=marker):
        tables.render(README.replace(f"<!-- {marker} -->", ""))


def test_check_says_what_is_out_of_date_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme, example = tmp_path / "README.md", tmp_path / ".env.example"
    readme.write_text(README)
    for name in ("settings", "metrics"):
        (tmp_path / f"{name}.md").write_text(f"<!-- {name}:begin --><!-- {name}:end -->")
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setattr(tables, "README", readme)
    monkeypatch.setattr(tables, "DOCS", tmp_path)
    monkeypatch.setattr(tables, "ENV_EXAMPLE", example)

    monkeypatch.setattr(sys, "argv", ["tables.py", "--check"])
    assert tables.main() == 1
    assert capsys.readouterr().err == (
        "README.md is out of date: run make docs\nsettings.md is out of date: run make docs\n"
        "metrics.md is out of date: run make docs\n.env.example is out of date: run make docs\n"
    )
    assert readme.read_text() == README
    assert not example.exists()

    monkeypatch.setattr(sys, "argv", ["tables.py"])
    assert tables.main() == 0
    monkeypatch.setattr(sys, "argv", ["tables.py", "--check"])
    assert tables.main() == 0


def uncommented() -> str:
    """Return the example with every variable in force."""
    lines = tables.env_example().splitlines()
    return "\n".join(line.removeprefix("#") for line in lines if not line.startswith("# "))


def test_the_env_example_starts_the_service_with_the_defaults(tmp_path: Path) -> None:
    required = {variable.name: variable.example or "" for variable in VARIABLES.values() if variable.required}
    defaults = load_settings(required, env_file=None)
    as_it_is, in_force = tmp_path / "as_it_is", tmp_path / "in_force"
    as_it_is.write_text(tables.env_example())
    in_force.write_text(uncommented())

    assert load_settings({}, as_it_is) == defaults
    assert load_settings({}, in_force) == defaults


def test_the_env_example_can_be_read_by_a_shell() -> None:
    done = subprocess.run(["sh", "-eu"], input=uncommented(), capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
