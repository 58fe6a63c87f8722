"""Where values come from: the environment first, then the `.env` file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dotenv.parser import Binding, parse_stream

Source = Literal["environment", ".env", "default"]


@dataclass(frozen=True, slots=True)
class Given:
    """A value that somebody gave, and where."""

    value: str
    source: Source


@dataclass(frozen=True, slots=True)
class GivenValues:
    """All that was given, by variable, and what was wrong with the file itself (one line per mistake)."""

    values: Mapping[str, Given]
    mistakes: tuple[str, ...]


def gather(environ: Mapping[str, str], env_file: Path | None) -> GivenValues:
    """Merge *environ* over the variables of *env_file*, which need not exist; an empty value counts as unset."""
    in_file, mistakes = _read(env_file) if env_file else ({}, ())
    values = {name: Given(value, ".env") for name, value in in_file.items() if value.strip()}
    values.update((name, Given(value, "environment")) for name, value in environ.items() if value.strip())
    return GivenValues(values, mistakes)


def _read(path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    try:
        with path.open(encoding="utf-8") as file:
            bindings = list(parse_stream(file))
    except FileNotFoundError:
        return {}, ()
    except OSError as error:
        return {}, (f"{path} cannot be read: {error.strerror}",)
    except UnicodeDecodeError:
        return {}, (f"{path} is not UTF-8 text",)
    # A value is taken as it stands: `$` is common in passwords, so nothing is interpolated.
    values = {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}
    return values, tuple(_mistake(path, binding) for binding in bindings if binding.error)


def _mistake(path: Path, binding: Binding) -> str:
    # The line itself may hold a secret, so only its number is told.
    blank = len(binding.original.string) - len(binding.original.string.lstrip())
    number = binding.original.line + binding.original.string[:blank].count("\n")
    return f"{path} line {number} cannot be read: it must be VARIABLE=value, with every quote closed"
