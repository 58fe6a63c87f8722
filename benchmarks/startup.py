"""How long the service takes from exec to ready, and what of that is the project's own.

Ready means that `/readyz` says 200: the model is warm, the group joined. What Python, TensorFlow, Faust and the
SavedModel take is measured in a bare process that does nothing else; the project's own part is the rest. It includes
tracing and warming up the model, and can be small or negative, since the service does some of this at the same time.
TensorFlow is imported there as the service does it, without Keras; what the ordinary import takes is shown beside it.
"""

import http.client
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from app.ports import LOOPBACK
from benchmarks.contenders import Contender, Running, Stage
from benchmarks.errors import BenchmarkFailed
from benchmarks.folders import ROOT
from benchmarks.peers.settings import Tuning

_POLL_S = 0.01
_LONGEST_S = 60
_BARE = """
import json, sys, time
marks = [time.monotonic()]
from models.runtime import tf; marks.append(time.monotonic())
import faust.app, faust.transport.drivers.aiokafka; marks.append(time.monotonic())
tf.saved_model.load(sys.argv[1]); marks.append(time.monotonic())
print(json.dumps(marks))
"""
_ORDINARY = "import time; began = time.monotonic(); import tensorflow; print(time.monotonic() - began)"


@dataclass(frozen=True, slots=True)
class Startup:
    """Seconds of one start.

    Attributes:
        ready: from exec to `/readyz`; the launcher's 20 milliseconds are in it.
        python: an interpreter that has imported nothing yet.
        import_tensorflow: without Keras.
        import_tensorflow_and_keras: `import tensorflow` as it is; not a part of *ready*.
    """

    ready: float
    python: float
    import_tensorflow: float
    import_faust: float
    load_model: float
    import_tensorflow_and_keras: float

    @property
    def own(self) -> float:
        """What is left for the project itself."""
        return self.ready - self.python - self.import_tensorflow - self.import_faust - self.load_model


def measure(stage: Stage) -> Startup:
    """Measure one start and one bare process.

    Raises:
        BenchmarkFailed: the service does not become ready.
    """
    with stage.cluster.fresh_topics() as topics:
        began = time.monotonic()
        with stage.run(Contender.SERVICE, topics, Tuning.THROUGHPUT) as running:
            wait_until_ready(running)
            ready = time.monotonic() - began
    return _split(ready, stage.model_path)


def wait_until_ready(running: Running) -> None:
    """Return when `/readyz` says 200.

    Raises:
        BenchmarkFailed: it does not within a minute.
    """
    began = time.monotonic()
    while not _is_ready(running.port):
        running.check()
        if time.monotonic() - began > _LONGEST_S:
            raise BenchmarkFailed(running.complaint(f"was not ready within {_LONGEST_S} s"))
        time.sleep(_POLL_S)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _split(ready: float, model_path: Path) -> Startup:
    began = time.monotonic()
    started, tensorflow, faust, loaded = json.loads(_output_of(_BARE, str(model_path)))
    return Startup(
        ready=ready,
        python=started - began,
        import_tensorflow=tensorflow - started,
        import_faust=faust - tensorflow,
        load_model=loaded - faust,
        import_tensorflow_and_keras=float(_output_of(_ORDINARY)),
    )


def _output_of(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkFailed(f"a bare process failed:\n{done.stderr[-2000:]}")
    return done.stdout
