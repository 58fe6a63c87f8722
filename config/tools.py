"""The settings of a tool beside the service, which has the service's environment and needs less of it."""

from collections.abc import Collection, Mapping
from pathlib import Path

from config.settings import ENV_FILE, Settings, validate
from config.sources import Given, GivenValues, gather

# Valid, and never looked at.
_NOTHING: Mapping[str, Given] = {
    "MODEL_PATH": Given("-", "default"),
    "OUTPUT_TOPIC": Given("-", "default"),
}


def load_for_tool(
    environ: Mapping[str, str], *, without: Collection[str], env_file: Path | None = ENV_FILE
) -> Settings:
    """Return what `load_settings` does, without demanding the variables in *without*; what is given counts as ever.

    Args:
        environ: the environment, with what the tool's own options say in it.
        without: `MODEL_PATH`, `OUTPUT_TOPIC` or both; a caller must not look at these settings.
        env_file: read beside the environment.

    Raises:
        SettingsError: at least one mistake; the error tells them all.
    """
    given = gather(environ, env_file)
    return validate(GivenValues({name: _NOTHING[name] for name in without} | dict(given.values), given.mistakes))
