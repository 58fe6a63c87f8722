"""One port of a broker: how to get in, and what it speaks to those who do not."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.metadata import MetadataRequest

from app.kafka.security import Security

REFUSED = (OSError, EOFError, KafkaError, ValueError)
"""What an attempt to get in can end with; ValueError when the broker's part of SCRAM is wrong."""


class Listener:
    """One port of a broker.

    Args:
        address: `host:port`.
        security: how we mean to connect.
        seconds: how long the broker may take for an answer.
    """

    def __init__(self, address: str, security: Security, *, seconds: float) -> None:
        self.address = address
        self.security = security
        self.seconds = seconds
        ((self._host, self._port, _),) = collect_hosts([address], randomize=False)

    async def enter(self) -> list[str]:
        """Connect as every client of ours does, and return the addresses at which the brokers say that they are.

        Raises:
            Exception: one of `REFUSED`.
        """
        async with self._connected(**self.security.client_options) as connection:
            metadata = await connection.send(MetadataRequest([]))
        return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for _, host, port, *_ in metadata.brokers]

    async def is_there(self) -> bool:
        """Whether anybody listens here. Tells nobody a secret, as do the following."""
        try:
            await self._open(None)
        except OSError:
            return False
        return True

    async def speaks_plain_text(self) -> bool:
        """Whether Kafka's protocol is spoken here without TLS."""
        try:
            async with self._connected(security_protocol="PLAINTEXT"):
                return True
        except REFUSED:
            return False

    async def speaks_tls(self) -> bool:
        """Whether TLS is spoken here, with whatever certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            await self._open(context)
        except OSError as error:
            return isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or "")
        return True

    async def mechanisms(self) -> list[str]:
        """The mechanisms with which one logs in here; none where nobody has to."""
        try:
            async with self._connected(**self.security.transport_options) as connection:
                answer = await connection.send(SaslHandShakeRequest(""))
        except REFUSED:
            return []
        return sorted(answer.enabled_mechanisms)

    async def _open(self, context: ssl.SSLContext | None) -> None:
        async with asyncio.timeout(self.seconds):
            _, writer = await asyncio.open_connection(self._host, self._port, ssl=context)
        writer.transport.abort()

    @asynccontextmanager
    async def _connected(self, **options: Any) -> AsyncIterator[Any]:
        connection = AIOKafkaConnection(
            self._host, self._port, client_id="streamrank", request_timeout_ms=int(self.seconds * 1000), **options
        )
        try:
            await connection.connect()
        except KafkaError:  # it was open, else it were an OSError
            await self._closed(connection)
            raise
        try:
            yield connection
        finally:
            await self._closed(connection)

    async def _closed(self, connection: AIOKafkaConnection) -> None:
        await asyncio.wait([connection.close()], timeout=self.seconds)
