"""How much memory members take: the figure of docs/standings.md."""

import tracemalloc

from app.standings.restored import Restored
from app.standings.table import Rules, Table
from tests.app.standings.test_table import scored, work

GROUPS, MEMBERS = 100, 200
BYTES = 420


async def test_a_million_members_would_fit_in_420_mib():
    rules = Rules(every_record=False, ttl_seconds=100.0, top_k=5, min_score=None)
    source = Table(rules)
    records = []
    for group in range(GROUPS):
        scores = [scored(f"horse-{n}", n / 7, group=f"race-{group}", order=n) for n in range(MEMBERS)]
        records += source.settle([work(group * MEMBERS, *scores)])
    del source
    restored = Restored(rules)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for each in records:
        restored.take(each.key, each.value, 10**15)
    table = restored.table()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert table.members == GROUPS * MEMBERS == len(records)
    assert (most - before) / table.members < BYTES * 2**20 / 1e6
