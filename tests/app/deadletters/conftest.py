"""The command, run in this process on topics of each kind of broker."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from app import cli
from tests.broker.topics import Topics, fresh_topics


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def said(self) -> list[str]:
        """What it said of itself."""
        return [line.removeprefix("streamrank: ") for line in self.err.splitlines()]


Command = Callable[..., Done]


def environment(topics: Topics) -> dict[str, str]:
    """What the service has, less what the command does not need."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": topics.client.bootstrap_servers,
        "INPUT_TOPIC": topics.input,
        "CONSUMER_GROUP": topics.group,
    }


@pytest.fixture(params=["kafka", "tansu"])
def any_topics(request: pytest.FixtureRequest) -> Iterator[Topics]:
    """Topics on each kind of broker."""
    with fresh_topics(request.getfixturevalue(request.param)) as topics:
        yield topics


@pytest.fixture
def dead_letters(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[[Topics], Command]:
    """Return what runs `streamrank dead-letters` for topics."""

    def for_topics(topics: Topics) -> Command:
        for name, value in environment(topics).items():
            monkeypatch.setenv(name, value)

        def run(*arguments: str) -> Done:
            status = cli.main(["dead-letters", *arguments])
            out, err = capfdbinary.readouterr()
            return Done(status, out.decode(errors="surrogateescape"), err.decode())

        return run

    return for_topics
