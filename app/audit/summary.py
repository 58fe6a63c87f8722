"""A report as people read it, and as programs do."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from app.audit.book import Account
from app.audit.ranges import Ranges
from app.audit.report import Guarantee, Report

SHOWN = 20
"""How many ranges are shown of a list unless all are asked for."""

_COLUMNS = ("partition", "offsets", "records", "answered", "missing", "repeated", "out of order", "foreign")


def as_text(report: Report, limit: int | None = SHOWN) -> Iterator[str]:
    """Yield the lines of a summary; of each list *limit* ranges are shown, or with None all."""
    yield from _table(report)
    for title, found in _findings(report).items():
        if found:
            yield ""
            yield f"{title}:"
            yield from (f"  {where}: {_listed(ranges, limit)}" for where, ranges in found.items())
    yield ""
    yield from (f"note: {note}" for note in report.notes)
    yield from (f"note: {remark}" for remark in _remarks(report))
    yield _verdict(report)


def as_json(report: Report, limit: int | None = SHOWN) -> str:
    """Return one JSON object; a range is its first and its last offset, and a count is whole where its list is cut."""
    whole = {
        "ok": report.ok,
        "topic": report.topic,
        "guarantee": report.guarantee,
        "violations": report.violations,
        "partitions": {str(number): _as_object(each, limit) for number, each in report.accounts.items()},
        "strangers": _cut_each(report.strangers, limit),
        "notes": [*report.notes, *_remarks(report)],
    }
    return json.dumps(whole, indent=2)


# -- for people


def _table(report: Report) -> Iterator[str]:
    rows = [_COLUMNS, *(_row(str(number), account) for number, account in report.accounts.items()), _sums(report)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    yield f"{report.topic}, by {report.guarantee}:"
    yield from ("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)


def _row(number: str, account: Account) -> tuple[str, ...]:
    span = account.span
    looked_at = f"{span.start}-{span.stop - 1}" if span.stop > span.start else "none"
    return (number, looked_at, *(f"{figure:,}" for figure in _figures(account)))


def _sums(report: Report) -> tuple[str, ...]:
    columns = zip(*map(_figures, report.accounts.values()), strict=True)
    return ("total", "", *(f"{sum(column):,}" for column in columns))


def _figures(account: Account) -> tuple[int, ...]:
    late = sum(ranges.count for ranges in account.disordered.values())
    return (
        *(account.records, account.answered, account.missing.count),
        *(account.duplicated.count, late, account.foreign.count),
    )


def _findings(report: Report) -> dict[str, dict[str, Ranges]]:
    topic, accounts = report.topic, report.accounts.items()
    return {
        "missing, without a prediction or a dead letter": {
            f"{topic}[{number}]": each.missing for number, each in accounts if each.missing
        },
        "answered more than once": {
            f"{topic}[{number}]": each.duplicated for number, each in accounts if each.duplicated
        },
        "out of order, after a later record of their partition": {
            f"{topic}[{number}] in {place}": late
            for number, each in accounts
            for place, late in each.disordered.items()
        },
        f"foreign, named although {topic} does not have them": {
            f"{topic}[{number}]": each.foreign for number, each in accounts if each.foreign
        },
        f"foreign, naming no record of {topic}": dict(report.strangers),
    }


def _listed(ranges: Ranges, limit: int | None) -> str:
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in islice(ranges, limit)]
    more = len(ranges) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def _remarks(report: Report) -> Iterator[str]:
    if earlier := report.total(lambda account: account.earlier):
        yield f"{earlier:,} answers name records of {report.topic} before those that were looked at, or deleted since"
    if later := report.total(lambda account: account.later):
        yield f"{later:,} answers name records of {report.topic} beyond those that were looked at"


def _verdict(report: Report) -> str:
    if not report.ok:
        return f"VIOLATED: {'; '.join(report.violations)}"
    repeated = report.total(lambda account: account.duplicated.count)
    if repeated and report.guarantee == Guarantee.AT_LEAST_ONCE:
        return f"ok: every record is answered, in order; {repeated:,} of them more than once, which is allowed"
    return "ok: every record is answered once, in order"


# -- for programs


def _as_object(account: Account, limit: int | None) -> dict[str, Any]:
    return {
        "start": account.span.start,
        "stop": account.span.stop,
        "records": account.records,
        "answered": account.answered,
        "missing": _cut(account.missing, limit),
        "duplicated": _cut(account.duplicated, limit) | {"repeats": account.repeats},
        "disordered": _cut_each(account.disordered, limit),
        "foreign": _cut(account.foreign, limit),
        "earlier": account.earlier,
        "later": account.later,
    }


def _cut_each(found: Mapping[str, Ranges], limit: int | None) -> dict[str, Any]:
    return {where: _cut(ranges, limit) for where, ranges in found.items()}


def _cut(ranges: Ranges, limit: int | None) -> dict[str, Any]:
    return {"count": ranges.count, "ranges": list(islice(ranges, limit))}
