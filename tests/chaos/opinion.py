"""What `streamrank audit`, which shares nothing with `verdict`, says of the same topics."""

import asyncio
from dataclasses import dataclass

from app.audit.auditing import audit
from tests.broker.topics import Topics
from tests.chaos.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Opinion:
    """The counts on which both must agree."""

    records: int
    lost: int
    duplicated: int
    out_of_order: int
    stray: int

    @classmethod
    def ours(cls, verdict: Verdict) -> "Opinion":
        """As *verdict* counts."""
        disorder = len(verdict.out_of_order) + len(verdict.apart)
        return cls(verdict.records, len(verdict.lost), verdict.duplicates, disorder, len(verdict.stray))

    @classmethod
    def of_the_audit(cls, topics: Topics) -> "Opinion":
        """As the audit counts, which reads everything again."""
        outputs = [topics.output, topics.dead_letters]
        report = asyncio.run(audit(topics.client.bootstrap_servers, topics.input, outputs))
        accounts = report.accounts.values()
        return cls(
            sum(account.records for account in accounts),
            sum(account.missing.count for account in accounts),
            sum(account.repeats for account in accounts),
            sum(late.count for account in accounts for late in account.disordered.values()),
            sum(account.foreign.count for account in accounts)
            + sum(strangers.count for strangers in report.strangers.values()),
        )
