"""An Apache Kafka that is reached in every way that clients know: in plain text, over TLS, with passwords."""

import json
import time
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from app.ports import LOOPBACK, free_ports
from tests.broker.apache_kafka import ApacheKafka
from tests.broker.certificates import Authority, Certificate
from tests.broker.records import COMMON

USER, PASSWORD = "alice", "hush-\u00e4=,%7 "
"""The user that every mechanism knows; the password holds what is likely to be mangled on the way."""

LISTENERS = {
    "PLAINTEXT": "PLAINTEXT",
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "ELSEWHERE": "SSL",
    "SASL": "SASL_PLAINTEXT",
    "SASL_TLS": "SASL_SSL",
    "CONTROLLER": "PLAINTEXT",
}
"""The listeners and what they speak: MUTUAL wants a client certificate; the certificate of ELSEWHERE is good for
127.0.0.1 only, and clients are told to go on at `localhost`; SASL has no SCRAM-SHA-512."""

_MODULES = {
    "plain": f"plain.PlainLoginModule required user_{USER}={json.dumps(PASSWORD)};",
    "scram-sha-256": "scram.ScramLoginModule required;",
    "scram-sha-512": "scram.ScramLoginModule required;",
}


class SecureKafka(ApacheKafka):
    """A broker with the listeners of `LISTENERS`, all on the loopback address.

    Attributes:
        authority: signed the broker's certificates and trusts those of clients.
        client: a certificate that MUTUAL accepts.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "broker", heap="256m")
        self.authority = Authority(folder / "certificates", "ours")
        self.client = self.authority.issue("client")
        self._server = self.authority.issue("server", "DNS:localhost", f"IP:{LOOPBACK}")
        self._elsewhere = self.authority.issue("elsewhere", f"IP:{LOOPBACK}")
        self._ports: dict[str, int] = {}

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect in plain text."""
        return self.address("PLAINTEXT")

    def address(self, listener: str, host: str = LOOPBACK) -> str:
        """Where clients connect to *listener*."""
        return f"{host}:{self._ports[listener]}"

    def start(self, timeout: float = 60) -> None:
        """Start, and return when `USER` can log in with every mechanism."""
        super().start(timeout)
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            self.add_user(USER, PASSWORD, mechanism)
        for name in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
            self._wait_until_let_in(name, timeout)

    def add_user(self, name: str, password: str, mechanism: ScramMechanism = ScramMechanism.SCRAM_SHA_256) -> None:
        """Let *name* log in with *password*, which the broker learns a moment after this returns."""
        client = AdminClient({**COMMON, "bootstrap.servers": self.bootstrap_servers})
        wanted = UserScramCredentialUpsertion(name, ScramCredentialInfo(mechanism, 4096), password.encode())
        for made in client.alter_user_scram_credentials([wanted]).values():
            made.result(30)

    def reserve(self, kind: ResourceType, name: str, *, user: str) -> None:
        """Let nobody but *user* use something; what is reserved for nobody is everybody's."""
        client = AdminClient({**COMMON, "bootstrap.servers": self.bootstrap_servers})
        literal = ResourcePatternType.LITERAL
        binding = AclBinding(kind, name, literal, f"User:{user}", "*", AclOperation.ALL, AclPermissionType.ALLOW)
        for made in client.create_acls([binding]).values():
            made.result(30)
        # The broker that lets clients in learns what the controller has written a moment later.
        wanted = AclBindingFilter(kind, name, literal, f"User:{user}", "*", AclOperation.ALL, AclPermissionType.ALLOW)
        deadline = time.monotonic() + 30
        while not client.describe_acls(wanted).result(30):
            assert time.monotonic() < deadline, f"the broker knows nothing of {binding}"
            time.sleep(0.01)

    def _wait_until_let_in(self, mechanism: str, timeout: float) -> None:
        login = {"sasl.mechanism": mechanism, "sasl.username": USER, "sasl.password": PASSWORD}
        tls = {"security.protocol": "SASL_SSL", "ssl.ca.location": str(self.authority.certfile)}
        servers = {"bootstrap.servers": self.address("SASL_TLS")}
        AdminClient({**COMMON, **servers, **tls, **login}).list_topics(timeout=timeout)

    def _configure(self) -> None:
        self._ports = dict(zip(LISTENERS, free_ports(len(LISTENERS)), strict=True))
        self._extra = self._listeners() | self._tls() | self._sasl()
        super()._configure()

    def _listeners(self) -> dict[str, str]:
        where = {name: f"{name}://{self.address(name)}" for name in LISTENERS}
        advertised = where | {"ELSEWHERE": f"ELSEWHERE://{self.address('ELSEWHERE', 'localhost')}"}
        del advertised["CONTROLLER"]
        return {
            "controller.quorum.voters": f"1@{self.address('CONTROLLER')}",
            "listeners": ",".join(where.values()),
            "advertised.listeners": ",".join(advertised.values()),
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in LISTENERS.items()),
            "inter.broker.listener.name": "PLAINTEXT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
            "super.users": "User:ANONYMOUS",
        }

    def _tls(self) -> dict[str, str]:
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._store(self._server)),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.certfile),
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.elsewhere.ssl.keystore.type": "PEM",
            "listener.name.elsewhere.ssl.keystore.location": str(self._store(self._elsewhere)),
        }

    def _sasl(self) -> dict[str, str]:
        modules = {
            f"listener.name.{listener}.{mechanism}.sasl.jaas.config": f"org.apache.kafka.common.security.{module}"
            for listener in ("sasl", "sasl_tls")
            for mechanism, module in _MODULES.items()
        }
        enabled = {
            "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
            "listener.name.sasl_tls.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        }
        return modules | enabled

    def _store(self, certificate: Certificate) -> Path:
        """The one file that Kafka reads a key and its certificate from."""
        store = certificate.certfile.with_suffix(".store")
        store.write_text(certificate.both)
        return store


def secured_variables(broker: SecureKafka, password: str) -> dict[str, str]:
    """What the service is told to get in as `USER`."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": broker.address("SASL_TLS"),
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": USER,
        "KAFKA_SASL_PASSWORD": password,
        "KAFKA_SSL_CAFILE": str(broker.authority.certfile),
    }
