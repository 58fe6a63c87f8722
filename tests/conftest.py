"""Brokers for the tests: one of each kind per session, started when a test first asks for it, and one to be killed.

A browser, too.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from app.broker import EmbeddedBroker
from config.logging import NOISY
from tests.broker.apache_kafka import FORGETFUL, ApacheKafka
from tests.broker.proxy import Proxy
from tests.broker.secure_kafka import SecureKafka
from tests.broker.session import Broker, SessionBroker
from tests.broker.topics import Topics, fresh_topics
from tests.browser.chromium import Chrome, chromium, why_no_chromium

# How long an example takes says more about the machine than about what is tested.
settings.register_profile("streamrank", deadline=None, print_blob=True)
settings.load_profile("streamrank")

_SESSION_BROKER = pytest.StashKey[SessionBroker]()
_BROKERS = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_apache_kafka: needs what the embedded broker lacks or does differently")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("needs_apache_kafka"):
        broker = item.config.stash[_SESSION_BROKER]
        if missing := broker.why_not_apache_kafka():
            pytest.skip(f"needs more than the embedded broker, and Apache Kafka cannot run: {missing}")
    # Where nothing else was asked for (`make test-gpu`), they fail without a GPU.
    if item.get_closest_marker("gpu") and item.config.option.markexpr != "gpu":
        from models.runtime import tf

        if not tf.config.list_physical_devices("GPU"):
            pytest.skip("no GPU that TensorFlow sees")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    temporary: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore[attr-defined]
    session.config.stash[_SESSION_BROKER] = SessionBroker(lambda: temporary.mktemp("kafka"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    broker = session.config.stash[_SESSION_BROKER]
    # Where tests are shared out (pytest -n), each process has a broker of its own, and only the first one reports.
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["broker"] = broker.description()
    broker.close()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash.setdefault(_BROKERS, []).append(getattr(node, "workeroutput", {}).get("broker", "lost"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for broker in config.stash.get(_BROKERS, None) or [config.stash[_SESSION_BROKER].description()]:
        terminalreporter.write_line(f"broker of this session: {broker}")


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Broker:
    """Apache Kafka; without Java or Maven the embedded broker."""
    return pytestconfig.stash[_SESSION_BROKER].get()


@pytest.fixture
def mortal_kafka(tmp_path: Path) -> Iterator[ApacheKafka]:
    """An Apache Kafka that nobody else uses, so that it may be killed; for tests marked `needs_apache_kafka`."""
    with ApacheKafka(tmp_path / "kafka", properties=FORGETFUL, heap="256m") as broker:
        yield broker


@pytest.fixture
def proxy(kafka: Broker) -> Iterator[Proxy]:
    """A way to `kafka` that can be disturbed, for tests marked `needs_apache_kafka`; others do not notice."""
    assert isinstance(kafka, ApacheKafka)
    assert kafka.advertised_port
    with Proxy(kafka.proxied_port, port=kafka.advertised_port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """An Apache Kafka with TLS and passwords, for tests marked `needs_apache_kafka`."""
    with SecureKafka(tmp_path_factory.mktemp("secure-kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def tansu() -> Iterator[EmbeddedBroker]:
    """The embedded broker."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def topics(kafka: Broker) -> Iterator[Topics]:
    """An input, an output and a dead-letter topic of four partitions and a consumer group, all of this test's own."""
    with fresh_topics(kafka) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A headless Chromium."""
    if missing := why_no_chromium():
        pytest.skip(missing)
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def plain_logging() -> Iterator[None]:
    """Logging that a test may configure: it is put back as it was, pytest's own handlers too."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in NOISY}
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)
