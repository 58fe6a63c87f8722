"""Where values come from: the environment first, then the `.env` file; secrets also from files of their own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dotenv.parser import Binding, parse_stream

from config.masking import shown

Source = Literal["environment", ".env", "file", "default"]

FILE_VARIABLES: Mapping[str, str] = {
    f"{name}_FILE": name for name in ("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD", "KAFKA_SSL_KEY_PASSWORD")
}
"""Variables that hold the path of a file, and the variable whose value it holds, as Docker mounts secrets."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value that somebody gave, and where."""

    value: str = field(repr=False)
    source: Source


@dataclass(frozen=True, slots=True)
class GivenValues:
    """All that was given, by variable, and what was wrong with the files themselves (one line per mistake)."""

    values: Mapping[str, Given]
    mistakes: tuple[str, ...]


def gather(environ: Mapping[str, str], env_file: Path | None) -> GivenValues:
    """Merge *environ* over the variables of *env_file*, which need not exist; an empty value counts as unset.

    Then the files that `FILE_VARIABLES` name are read.
    """
    in_file, mistakes = _read(env_file) if env_file else ({}, ())
    values = {name: Given(value, ".env") for name, value in in_file.items() if value.strip()}
    values.update((name, Given(value, "environment")) for name, value in environ.items() if value.strip())
    return GivenValues(values, (*mistakes, *_read_files(values)))


def assignment(name: str, values: Mapping[str, Given]) -> str:
    """Return `NAME=value` as it was given, masked; of a value that came from a file the path."""
    if values[name].source == "file":
        name = f"{name}_FILE"
    return f"{name}={shown(name, values[name].value.strip())}"


def _read_files(values: dict[str, Given]) -> Iterator[str]:
    """Add to *values* what stands in files; yield a line for each mistake."""
    for variable, name in FILE_VARIABLES.items():
        if variable not in values:
            continue
        if name in values:
            yield f"{assignment(variable, values)}: {name} is given too; unset one of them"
            continue
        try:
            values[name] = Given(_content(Path(values[variable].value.strip())), "file")
        except OSError as error:
            yield f"{assignment(variable, values)}: the file cannot be read: {error.strerror}"
        except ValueError as error:
            yield f"{assignment(variable, values)}: {error}"


def _content(path: Path) -> str:
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        # Without the cause, which holds the bytes.
        raise ValueError("the file is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise ValueError("the file is empty")
    return text


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
