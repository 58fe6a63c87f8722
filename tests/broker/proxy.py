"""A way to a broker that misbehaves when it is told to."""

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Self

from app.ports import LOOPBACK, free_ports
from tests.broker.faults import Faults, Hold, Swallow, Where
from tests.broker.link import Link, abort

_ANSWER_S = 30  # longest wait for the proxy's own thread


class Proxy:
    """Stands between clients and one broker on loopback, in a thread of its own; use it in `with`.

    Everything passes until something else is asked for, at any time and from any thread. What waits, blocks its caller.

    Clients go where the broker's metadata send them, so the broker must advertise the proxy's port:

        with Proxy() as proxy, ApacheKafka(folder, advertised_port=proxy.port) as broker:
            proxy.upstream_port = broker.proxied_port
            Producer({"bootstrap.servers": proxy.bootstrap_servers})  # goes through the proxy
            TopicClient(broker)                                       # goes around it

    Args:
        upstream_port: where the broker listens for those who come through the proxy.
        port: where the proxy listens; 0 takes a free one.

    Attributes:
        connections: how many were accepted so far.
    """

    def __init__(self, upstream_port: int = 0, *, port: int = 0) -> None:
        self.upstream_port = upstream_port
        self.port = port or free_ports(1)[0]
        self.connections = 0
        self._faults = Faults()
        self._links: set[Link] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def requests(self) -> Counter[int]:
        """How many requests came from clients so far, by `ApiKey`."""
        return self._faults.seen.copy()

    def wait_for_requests(self, api_key: int, count: int, *, within: float = 30) -> None:
        """Return when *count* requests of a kind have come in all; TimeoutError when that takes longer."""
        self._faults.changes.wait_for(
            lambda: self._faults.seen[api_key] >= count, within, f"not {count} requests of the kind {api_key!r}"
        )

    # -- what it does from now on

    def delay(self, seconds: float) -> None:
        """Let everything arrive so much later, in both directions."""
        self._faults.delay_seconds = seconds

    def drop(self, *, requests: bool = False, answers: bool = False) -> None:
        """Let what clients ask, or what the broker answers, vanish; nobody is told, and connections stay."""
        self._faults.requests_lost = requests
        self._faults.answers_lost = answers

    def cut(self) -> None:
        """Reset all connections and refuse new ones; what is held is still delivered when it is released."""
        self._run(self._cut())

    def heal(self) -> None:
        """Let everything pass again but what is held. Connections on which something vanished are reset."""
        self._run(self._heal())

    def hold(self, *api_keys: int, count: int | None = None, where: Where | None = None) -> Hold:
        """Hold requests back until they are released.

        They reach the broker then on the connection that was made for them, whatever became of the client's: requests
        that were on their way for too long.

        Args:
            api_keys: which kinds; none: all.
            count: how many at most; None: all.
            where: only those of which this is true.
        """
        hold = Hold(self._loop, self._faults.changes, api_keys, count, where)
        self._faults.holds.append(hold)
        return hold

    def swallow_answers(
        self, *api_keys: int, count: int | None = None, where: Where | None = None, reset: bool = False
    ) -> Swallow:
        """Let the broker do what such requests ask, and the client not know it, until `heal`.

        From the answer on nothing more arrives on that connection; with *reset* the connection is reset instead, which
        clients notice at once. The other arguments are those of `hold`.
        """
        swallow = Swallow(reset, self._faults.changes, api_keys, count, where)
        self._faults.swallows.append(swallow)
        return swallow

    # -- life

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_ANSWER_S)

    # -- in the thread

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port, backlog=1000)

    async def _accept(self, *client: Any) -> None:
        self.connections += 1
        number = self.connections
        try:
            broker = await asyncio.open_connection(LOOPBACK, self.upstream_port)
        except OSError:
            abort(client[1])
            return
        if self._server is None:  # cut meanwhile
            abort(client[1])
            abort(broker[1])
            return
        link = Link(number, self._faults, client, broker)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.remove(link)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await asyncio.gather(*(link.reset() for link in self._links))

    async def _heal(self) -> None:
        self._faults.heal()
        await asyncio.gather(*(link.reset() for link in self._links if link.lossy))
        if self._server is None:
            await self._listen()

    async def _end(self) -> None:
        await self._cut()
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
