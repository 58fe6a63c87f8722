import ast
import os
import sys
from pathlib import Path

import pytest

from scripts import environment

PIP_CONFIG = """\
[global]
index-url = https://reader:hush@mirror.invalid/simple
extra-index-url = https://one.invalid/simple
    https://two.invalid/simple
[install]
trusted-host = mirror.invalid
[list]
format = columns
"""


def told_to_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **variables: str) -> dict[str, str]:
    """What the real pip says it was told by `PIP_CONFIG` and *variables* alone."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    (tmp_path / "pip.conf").write_text(PIP_CONFIG)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return environment.pip_settings(sys.executable)


def test_uv_is_told_what_pips_configuration_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environ: dict[str, str] = {}

    environment.hand_to_uv(told_to_pip(monkeypatch, tmp_path, PIP_CERT="ours.pem"), environ)

    assert environ == {
        "UV_DEFAULT_INDEX": "https://reader:hush@mirror.invalid/simple",
        "UV_INDEX": "https://one.invalid/simple https://two.invalid/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INSECURE_HOST": "mirror.invalid",
        "SSL_CERT_FILE": "ours.pem",
    }


def test_a_pip_variable_wins_over_pips_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = told_to_pip(monkeypatch, tmp_path, PIP_INDEX_URL="https://it's.invalid/%40")

    assert told["index-url"] == "https://it's.invalid/%40"


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_what_uv_is_told_itself_stays(variable: str) -> None:
    environ = {variable: "https://uv.invalid/simple"}

    environment.hand_to_uv({"index-url": "https://pip.invalid/simple"}, environ)

    assert environ == {variable: "https://uv.invalid/simple"}


def test_where_pip_was_told_nothing_uv_is_not_either() -> None:
    environ: dict[str, str] = {}

    environment.hand_to_uv({"disable-pip-version-check": "1"}, environ)

    assert environ == {}


def cache_chosen(monkeypatch: pytest.MonkeyPatch, home: Path) -> dict[str, str]:
    """What the real uv is to be told about its cache, for a user whose home is *home*."""
    for name in ("UV_CACHE_DIR", "UV_NO_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    environ: dict[str, str] = {}
    environment.find_cache(sys.executable, "venv", environ)
    return environ


def test_uvs_cache_goes_into_the_environment_where_no_home_can_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()  # below which nobody can write, not even root

    assert cache_chosen(monkeypatch, tmp_path / "file") == {"UV_CACHE_DIR": os.path.abspath("venv/uv-cache")}


@pytest.mark.parametrize("home", ["there", "not/there/yet"])
def test_uvs_cache_stays_in_a_home_that_can_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str
) -> None:
    (tmp_path / "there").mkdir()

    assert cache_chosen(monkeypatch, tmp_path / home) == {}


def test_a_failed_step_names_the_variables_of_both_installers(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"PIP_INDEX_URL(?s:.*)UV_DEFAULT_INDEX"):
        environment.run("packages", [sys.executable, "-c", "import sys; print('no route'); sys.exit(1)"])
    assert "no route" in capfd.readouterr().err


def test_the_file_needs_nothing_that_is_not_in_the_standard_library() -> None:
    tree = ast.parse(Path(environment.__file__).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}

    assert imported <= sys.stdlib_module_names
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
