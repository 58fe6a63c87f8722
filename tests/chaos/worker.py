"""A worker with a model in NumPy, which hangs for some seconds when SIGUSR1 asks for it.

`python -m tests.chaos.worker` is otherwise what `python -m app` is, without TensorFlow.
"""

import os
import signal
import threading

from config.logging import configure_logging
from config.settings import load_settings
from models.numpy_model import NumpyModel

FEATURES = 32
POISON = 13.0
HANG_SECONDS = 3.0
# So that there is always something in flight.
CALL_SECONDS = 0.04


def main() -> None:
    """Serve until a signal or a failure."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    model = NumpyModel(features=FEATURES, classes=10, poison=POISON, delay_seconds=CALL_SECONDS)
    signal.signal(signal.SIGUSR1, lambda *_: _hang(model))
    from app.worker import run

    settings = load_settings()
    configure_logging(settings.service.log_level, settings.service.log_format)
    model.name = settings.model.name or model.name
    run(settings, lambda _settings, _on_padding: model)


def _hang(model: NumpyModel) -> None:
    model.answering.clear()
    threading.Timer(HANG_SECONDS, model.answering.set).start()


if __name__ == "__main__":
    main()
