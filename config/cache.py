"""Where things are kept that can be made again."""

from collections.abc import Mapping
from pathlib import Path


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return `$XDG_CACHE_HOME/streamrank`, or `~/.cache/streamrank` where that is not set, or no absolute path.

    The XDG Base Directory Specification (0.8) has both rules.
    """
    given = environment.get("XDG_CACHE_HOME", "")
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / "streamrank"
