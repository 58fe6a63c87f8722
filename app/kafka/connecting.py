"""Find a broker that lets us in, or say why none does: aiokafka says only that it cannot connect."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aiokafka.errors import SaslAuthenticationFailed

from app.errors import StartFailed
from app.kafka.listener import REFUSED, Listener
from app.kafka.security import Security
from app.kafka.trouble import Trouble, explain


async def find_trouble(
    servers: Sequence[str], security: Security, *, answer_seconds: float = 5.0, learning_seconds: float = 2.0
) -> str | None:
    """Return why none of *servers* lets us in, as far as waiting may help; None when one does.

    Args:
        servers: `host:port` of brokers, asked one after the other.
        security: how we mean to connect.
        answer_seconds: how long a broker may take for each answer.
        learning_seconds: a refused login is tried once more after these, for a broker that hears of a new user or
            password a moment after the cluster does.

    Raises:
        StartFailed: waiting helps at none of them; the message names the variables to change.
    """

    async def behind(server: str) -> Trouble | None:
        listener = Listener(server, security, seconds=answer_seconds)
        try:
            brokers = await _enter(listener, learning_seconds)
        except REFUSED as error:
            return await explain(error, listener)
        # Clients go on to where the brokers say that they are.
        trouble = None if server in brokers else await _shared(brokers, at)
        return None if trouble is None else Trouble(f"we are sent on to {trouble.message}", trouble.lasting)

    async def at(broker: str) -> Trouble | None:
        listener = Listener(broker, security, seconds=answer_seconds)
        try:
            await listener.enter()
        except REFUSED as error:
            return await explain(error, listener)
        return None

    trouble = await _shared(servers, behind)
    if trouble is None:
        return None
    if trouble.lasting:
        raise StartFailed(trouble.message)
    return trouble.message


async def _enter(listener: Listener, learning_seconds: float) -> list[str]:
    try:
        return await listener.enter()
    except SaslAuthenticationFailed:
        await asyncio.sleep(learning_seconds)
    return await listener.enter()


async def _shared(addresses: Sequence[str], look: Callable[[str], Awaitable[Trouble | None]]) -> Trouble | None:
    """The troubles of all *addresses* as one, which lasts when all of them do; None when one of them has none."""
    troubles: list[Trouble] = []
    for address in addresses:
        trouble = await look(address)
        if trouble is None:
            return None
        troubles.append(Trouble(f"{address}: {trouble.message}", trouble.lasting))
    if not troubles:
        return None
    return Trouble("; ".join(each.message for each in troubles), all(each.lasting for each in troubles))
