"""The rules of `config/`, as Prometheus reads them, and the same in a hurry."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parents[2] / "config"
RULE_FILES = ("recording.yml", "alerts.yml")
_METRIC = re.compile(r"\b(?:(?:streamrank|process|python)_\w+|\w+:\w[\w:]*|up|ALERTS)\b(?!\s*=)")
_WAIT = re.compile(r"(?<=for: )(\d+)([smh])\b")
_WINDOW = re.compile(r"(?<=\[)(\d+)([smh])(?=\])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def rules() -> Iterator[dict[str, Any]]:
    """Yield every rule."""
    for name in RULE_FILES:
        for group in yaml.safe_load((CONFIG / name).read_text())["groups"]:
            yield from group["rules"]


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def recordings() -> dict[str, str]:
    """The expressions of the recording rules, by what they record."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def metrics_in(expression: str) -> set[str]:
    """The names of metrics that an expression asks for."""
    without_strings = re.sub(r'"[^"]*"', '""', expression)
    return set(_METRIC.findall(re.sub(r"\b(?:by|on|without|ignoring) \([^)]*\)", "", without_strings)))


def hurried(text: str, times: int, *, windows: bool = True) -> str:
    """The text of a rule file in which all that takes time takes so many *times* less; never less than 2 s.

    Args:
        text: as it is.
        times: by how much.
        windows: whether the time that expressions look back is shortened, too.
    """

    def shorter(found: re.Match[str]) -> str:
        return f"{max(2, int(found[1]) * _SECONDS[found[2]] // times)}s"

    waiting = _WAIT.sub(shorter, text)
    return _WINDOW.sub(shorter, waiting) if windows else waiting
