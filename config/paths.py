"""Which of the paths that settings name are not there."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from config.masking import shown
from config.sources import Given

PATHS = ("MODEL_PATH", "MODEL_LABELS_PATH", "KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE")


def missing_paths(values: Mapping[str, Given]) -> Iterator[str]:
    """Yield a line for each path in *values* where this machine has nothing.

    Not a rule of the settings themselves: they may be looked at on another machine than they are meant for.
    """
    for name in PATHS:
        value = values[name].value.strip() if name in values else ""
        if not value or "://" in value:
            continue
        try:
            Path(value).stat()
        except OSError as error:
            yield f"{name}={shown(name, value)}: {error.strerror}"
