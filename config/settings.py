"""What the environment says, validated once at the start and frozen."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.errors import SettingsError
from config.kafka import KafkaSettings
from config.mistakes import misspelt, unavailable, wrong
from config.model import InputSettings, ModelSettings, RankSettings
from config.page import PageSettings
from config.planned import PLANNED
from config.process import BatchSettings, FreshnessSettings, HttpSettings, ServiceSettings
from config.ranking import no_state_topic, not_ranked_so
from config.security import SecuritySettings, at_odds
from config.sources import FILE_VARIABLES, Given, GivenValues, gather
from config.standings import StandingsSettings
from config.variables import Variable, variables

__all__ = [
    "ENV_FILE",
    "VARIABLES",
    "BatchSettings",
    "FreshnessSettings",
    "HttpSettings",
    "InputSettings",
    "KafkaSettings",
    "ModelSettings",
    "PageSettings",
    "RankSettings",
    "SecuritySettings",
    "ServiceSettings",
    "Settings",
    "SettingsError",
    "StandingsSettings",
    "TopicSettings",
    "load_settings",
    "load_topic_settings",
    "validate",
]

S = TypeVar("S", bound=BaseModel)

_NO_TOPIC = Given("-", "default")

ENV_FILE = Path(".env")
"""The file that is read beside the environment, in the working directory."""


class Settings(BaseSettings):
    """All settings. Made by `load_settings`; by itself it reads nothing."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    kafka: KafkaSettings
    security: SecuritySettings
    model: ModelSettings
    input: InputSettings
    batch: BatchSettings
    rank: RankSettings
    standings: StandingsSettings
    freshness: FreshnessSettings
    http: HttpSettings
    page: PageSettings
    service: ServiceSettings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave the sources to `load_settings`, which knows whose value it was and finds all mistakes at once."""
        return (init_settings,)


class TopicSettings(BaseModel):
    """The settings of what looks at topics and needs no model. Made by `load_topic_settings`."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    kafka: KafkaSettings
    security: SecuritySettings


VARIABLES: Mapping[str, Variable] = {variable.name: variable for variable in variables(Settings)}
"""Every variable of the contract that this version has, by name."""


def load_settings(environ: Mapping[str, str] | None = None, env_file: Path | None = ENV_FILE) -> Settings:
    """Return the settings that *environ* (default: the process's) and *env_file* ask for; the environment wins.

    Raises:
        SettingsError: at least one mistake; the error tells them all.
    """
    return validate(gather(os.environ if environ is None else environ, env_file))


def load_topic_settings(
    environ: Mapping[str, str] | None = None, env_file: Path | None = ENV_FILE, *, without: Collection[str] = ()
) -> TopicSettings:
    """Return the settings of topics and brokers alone; values of the other variables are not looked at.

    Args:
        environ: the environment; default: the process's.
        env_file: read beside it.
        without: variables of topics that need not be given; the caller must not look at what comes of them.

    Raises:
        SettingsError: at least one mistake; the error tells them all.
    """
    given = gather(os.environ if environ is None else environ, env_file)
    values = dict.fromkeys(without, _NO_TOPIC) | dict(given.values)
    return _validate(GivenValues(values, given.mistakes), TopicSettings)


def validate(given: GivenValues) -> Settings:
    """Return the settings that *given* asks for.

    Raises:
        SettingsError: at least one mistake; the error tells them all.
    """
    return _validate(given, Settings)


def _validate(given: GivenValues, kind: type[S]) -> S:
    flat = {name: given.values[name].value for name in VARIABLES if name in given.values}
    mistakes = [*given.mistakes]
    settings = None
    try:
        settings = kind.model_validate(dict.fromkeys(kind.model_fields, flat))
    except ValidationError as error:
        mistakes += wrong(error, given.values, VARIABLES)
    mistakes += at_odds(given.values)
    mistakes += not_ranked_so(given.values)
    mistakes += no_state_topic(given.values)
    mistakes += unavailable(given.values, PLANNED)
    mistakes += misspelt(given.values, (*VARIABLES, *FILE_VARIABLES, *PLANNED))
    if settings is None or mistakes:
        # Not in the except block: as the cause, pydantic's error would bring the values along unmasked.
        raise SettingsError(mistakes)
    return settings
