"""The resolved settings as rows: each variable, its value and where that came from."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.masking import shown
from config.settings import ENV_FILE, VARIABLES, Settings, validate
from config.sources import Given, Source, gather
from config.variables import Variable


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One variable as it was resolved.

    Attributes:
        variable: its name.
        value: as given or by default, secrets masked; None where it is unset.
        source: who gave it.
        meaning: one phrase, with Markdown's backticks.
        default: what a table says of the default.
    """

    variable: str
    value: str | None
    source: Source
    meaning: str
    default: str


def describe(environ: Mapping[str, str] | None = None, env_file: Path | None = ENV_FILE) -> tuple[SettingRow, ...]:
    """Return a row for every variable, in the order of the README's table.

    Raises:
        SettingsError: as `load_settings` does.
    """
    given = gather(os.environ if environ is None else environ, env_file)
    settings = validate(given)
    return tuple(_row(variable, given.values.get(name), settings) for name, variable in VARIABLES.items())


def _row(variable: Variable, given: Given | None, settings: Settings) -> SettingRow:
    value = given.value.strip() if given else variable.default or _resolved(variable, settings)
    return SettingRow(
        variable=variable.name,
        value=None if value is None else shown(variable.name, value),
        source=given.source if given else "default",
        meaning=variable.meaning,
        default=variable.default_text,
    )


def _resolved(variable: Variable, settings: Settings) -> str | None:
    value = getattr(getattr(settings, variable.group), variable.field)
    return None if value is None else str(value)
