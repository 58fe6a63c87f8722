import asyncio
import logging
import socket
import socketserver
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiokafka.conn import CloseReason

from app.broker import EmbeddedBroker
from app.errors import StartFailed
from app.kafka.connecting import find_trouble
from app.ports import LOOPBACK
from tests.app.kafka.links import link, login, trust, variables_for
from tests.broker.certificates import Authority
from tests.broker.secure_kafka import LISTENERS, USER, SecureKafka

needs_apache_kafka = pytest.mark.needs_apache_kafka

NOBODY = f"{LOOPBACK}:1"
TOWARDS = "name another one in KAFKA_BOOTSTRAP_SERVERS, or set KAFKA_SECURITY_PROTOCOL"


async def trouble(
    *servers: str, protocol: str = "PLAINTEXT", variables: dict[str, str] | None = None, answer_seconds: float = 5.0
) -> str | None:
    security = link({"KAFKA_SECURITY_PROTOCOL": protocol, **(variables or {})})
    return await find_trouble(servers, security, answer_seconds=answer_seconds, learning_seconds=0)


async def failure(*servers: str, protocol: str = "PLAINTEXT", variables: dict[str, str] | None = None) -> str:
    """What is said where waiting cannot help, less the address in front."""
    with pytest.raises(StartFailed) as caught:
        await trouble(*servers, protocol=protocol, variables=variables)
    assert "hush" not in str(caught.value)
    return str(caught.value).removeprefix(f"{servers[0]}: ")


@needs_apache_kafka
@pytest.mark.parametrize(
    ("listener", "mechanism"), [("PLAINTEXT", None), ("MUTUAL", None), ("SASL", "PLAIN"), ("SASL_TLS", "SCRAM-SHA-512")]
)
async def test_nothing_is_said_of_a_broker_that_lets_us_in(
    secure_kafka: SecureKafka, listener: str, mechanism: str | None
) -> None:
    variables = variables_for(secure_kafka, listener, mechanism)

    assert await find_trouble([secure_kafka.address(listener)], link(variables)) is None


@needs_apache_kafka
@pytest.mark.parametrize(("listener", "mechanism"), [("SASL", "PLAIN"), ("SASL_TLS", "SCRAM-SHA-256")])
@pytest.mark.parametrize("user", [USER, "mallory"])
async def test_a_wrong_password_or_an_unknown_user_is_told_with_the_user(
    secure_kafka: SecureKafka, listener: str, mechanism: str, user: str
) -> None:
    variables = trust(secure_kafka) | login(mechanism, user, "hush")

    assert (
        await failure(secure_kafka.address(listener), protocol=LISTENERS[listener], variables=variables)
        == f"the broker does not accept KAFKA_SASL_USERNAME={user} ({mechanism}) with this KAFKA_SASL_PASSWORD"
    )


@needs_apache_kafka
async def test_a_mechanism_that_is_not_enabled_is_told_with_those_that_are(secure_kafka: SecureKafka) -> None:
    variables = login("SCRAM-SHA-512")

    assert await failure(secure_kafka.address("SASL"), protocol="SASL_PLAINTEXT", variables=variables) == (
        "KAFKA_SASL_MECHANISM=SCRAM-SHA-512 is not enabled at this port, which has PLAIN, SCRAM-SHA-256"
    )


@needs_apache_kafka
async def test_an_unknown_authority_is_told_with_the_file_that_lacks_it(
    secure_kafka: SecureKafka, stranger: Authority
) -> None:
    address = secure_kafka.address("TLS")
    said = "unable to get local issuer certificate"

    assert await failure(address, protocol="SSL") == (
        f"this system does not know the authority of the broker's certificate ({said}); set KAFKA_SSL_CAFILE"
    )
    assert await failure(address, protocol="SSL", variables={"KAFKA_SSL_CAFILE": str(stranger.certfile)}) == (
        f"the authority of the broker's certificate is not in KAFKA_SSL_CAFILE={stranger.certfile} ({said})"
    )


HOSTNAME = (
    "Hostname mismatch, certificate is not valid for 'localhost'; KAFKA_BOOTSTRAP_SERVERS and the broker's "
    "advertised.listeners must say what its certificate says"
)


@needs_apache_kafka
async def test_a_host_that_is_not_in_the_certificate_is_told(secure_kafka: SecureKafka) -> None:
    address = secure_kafka.address("ELSEWHERE", "localhost")

    assert await failure(address, protocol="SSL", variables=trust(secure_kafka)) == HOSTNAME


@needs_apache_kafka
async def test_so_is_one_that_a_broker_sends_us_on_to(secure_kafka: SecureKafka) -> None:
    address, advertised = secure_kafka.address("ELSEWHERE"), secure_kafka.address("ELSEWHERE", "localhost")

    assert await failure(address, protocol="SSL", variables=trust(secure_kafka)) == (
        f"we are sent on to {advertised}: {HOSTNAME}"
    )


@needs_apache_kafka
async def test_a_broker_that_wants_a_certificate_of_ours_is_told(
    secure_kafka: SecureKafka, stranger: Authority
) -> None:
    address = secure_kafka.address("MUTUAL")
    wrong = stranger.issue("client")
    certificate = {"KAFKA_SSL_CERTFILE": str(wrong.certfile), "KAFKA_SSL_KEYFILE": str(wrong.keyfile)}

    assert await failure(address, protocol="SSL", variables=trust(secure_kafka)) == (
        "the broker wants a certificate of ours (bad certificate); set KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE"
    )
    assert await failure(address, protocol="SSL", variables=trust(secure_kafka) | certificate) == (
        f"the broker does not accept our certificate, KAFKA_SSL_CERTFILE={wrong.certfile} (certificate unknown)"
    )


NO_TLS, ONLY_TLS = "TLS is not spoken at this port", "only TLS is spoken at this port"
LOG_IN, NO_LOGIN = "one has to log in at this port", "nobody logs in at this port"


@needs_apache_kafka
@pytest.mark.parametrize(
    ("listener", "protocol", "said"),
    [
        ("PLAINTEXT", "SSL", f"{NO_TLS}; {TOWARDS}=PLAINTEXT"),
        ("SASL", "SSL", f"{NO_TLS}; {TOWARDS}=PLAINTEXT"),
        ("SASL", "SASL_SSL", f"{NO_TLS}; {TOWARDS}=SASL_PLAINTEXT"),
        ("TLS", "PLAINTEXT", f"{ONLY_TLS}; {TOWARDS}=SSL"),
        ("MUTUAL", "PLAINTEXT", f"{ONLY_TLS}; {TOWARDS}=SSL"),
        ("SASL_TLS", "SASL_PLAINTEXT", f"{ONLY_TLS}; {TOWARDS}=SASL_SSL"),
        (
            "SASL",
            "PLAINTEXT",
            f"{LOG_IN}; {TOWARDS}=SASL_PLAINTEXT and KAFKA_SASL_MECHANISM=PLAIN or SCRAM-SHA-256",
        ),
        (
            "SASL_TLS",
            "SSL",
            f"{LOG_IN}; {TOWARDS}=SASL_SSL and KAFKA_SASL_MECHANISM=PLAIN or SCRAM-SHA-256 or SCRAM-SHA-512",
        ),
        ("PLAINTEXT", "SASL_PLAINTEXT", f"{NO_LOGIN}; {TOWARDS}=PLAINTEXT"),
        ("TLS", "SASL_SSL", f"{NO_LOGIN}; {TOWARDS}=SSL"),
    ],
)
async def test_a_port_that_speaks_otherwise_is_told_with_the_protocol_that_it_speaks(
    secure_kafka: SecureKafka, listener: str, protocol: str, said: str
) -> None:
    variables = trust(secure_kafka) | login("PLAIN")

    assert await failure(secure_kafka.address(listener), protocol=protocol, variables=variables) == said


async def test_a_port_that_waits_for_more_of_what_it_takes_for_a_long_request_does_not_speak_tls(
    tansu: EmbeddedBroker,
) -> None:
    server = tansu.bootstrap_servers

    with pytest.raises(StartFailed, match=f"{server}: {NO_TLS}"):
        await trouble(server, protocol="SSL", answer_seconds=2)
    assert await trouble(server) is None


async def test_what_waiting_may_help_is_told_without_a_failure() -> None:
    assert await trouble(NOBODY) == f"{NOBODY}: Connection refused"
    assert await trouble(NOBODY, protocol="SSL") == f"{NOBODY}: Connection refused"
    assert await trouble("nowhere.invalid:9092") == "nowhere.invalid:9092: Name or service not known"


@asynccontextmanager
async def serving(treat: Callable[[socket.socket], object]) -> AsyncIterator[str]:
    """A port where *treat* is called with every connection, which is closed afterwards."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                treat(self.request)

    server = socketserver.ThreadingTCPServer((LOOPBACK, 0), Handler)
    serve = asyncio.create_task(asyncio.to_thread(server.serve_forever, 0.02))
    try:
        yield f"{LOOPBACK}:{server.server_address[1]}"
    finally:
        # In threads, for what is waited for is that our own side closes its connections.
        await asyncio.to_thread(server.shutdown)
        await asyncio.to_thread(server.server_close)
        await serve


def ignore(_connection: socket.socket) -> None:
    pass


def listen(connection: socket.socket) -> None:
    while connection.recv(1000):
        pass


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_SSL"])
async def test_a_connection_that_is_closed_or_never_answered_tells_nothing_for_certain(protocol: str) -> None:
    async with serving(ignore) as server:
        closed = await trouble(server, protocol=protocol, variables=login("PLAIN"))
    async with serving(listen) as server_that_waits:
        silent = await trouble(server_that_waits, protocol=protocol, variables=login("PLAIN"), answer_seconds=0.2)

    assert closed == f"{server}: the connection was closed"
    assert silent == f"{server_that_waits}: no answer within 0.2 s"


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


async def test_a_broker_that_speaks_only_old_tls_is_told() -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46")  # an alert, fatal: protocol_version

    async with serving(refuse) as server:
        assert await failure(server, protocol="SSL") == (
            "no TLS connection comes about, which must be of TLS 1.2 or newer: protocol version"
        )


@needs_apache_kafka
async def test_one_broker_that_lets_us_in_is_enough(secure_kafka: SecureKafka) -> None:
    assert await trouble(NOBODY, secure_kafka.address("TLS"), secure_kafka.address("PLAINTEXT")) is None


@needs_apache_kafka
async def test_the_start_fails_only_when_waiting_helps_at_no_broker(secure_kafka: SecureKafka) -> None:
    tls = secure_kafka.address("TLS")

    assert await trouble(NOBODY, tls) == f"{NOBODY}: Connection refused; {tls}: {ONLY_TLS}; {TOWARDS}=SSL"
    assert await failure(tls, tls) == f"{ONLY_TLS}; {TOWARDS}=SSL; {tls}: {ONLY_TLS}; {TOWARDS}=SSL"


@needs_apache_kafka
async def test_a_user_that_the_broker_hears_of_a_moment_later_is_let_in(secure_kafka: SecureKafka) -> None:
    user, refused = uuid.uuid4().hex, threading.Event()

    class Refusals(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if CloseReason.AUTH_FAILURE in (record.args or ()):
                refused.set()

    handler = Refusals()
    logger = logging.getLogger("aiokafka.conn")
    was = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    security = link({"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", **login("SCRAM-SHA-256", user, "hush")})
    try:
        look = asyncio.create_task(find_trouble([secure_kafka.address("SASL")], security))
        await asyncio.to_thread(refused.wait, 30)
        await asyncio.to_thread(secure_kafka.add_user, user, "hush")
        assert await look is None
    finally:
        logger.removeHandler(handler)
        logger.setLevel(was)
