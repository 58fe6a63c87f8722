"""Figures as a table for people."""

from collections.abc import Iterator, Sequence

from models.race.evaluation import Figure
from models.race.study import Row

_PARTS = ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter", "whole race")


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield lines: how well each way foretells the order and the winner, by quarter of the race."""
    width = max(len(row.name) for row in rows)
    for title, name in (("Spearman correlation with the finishing order", "spearman"), ("winner named", "winner")):
        yield f"{title}, mean and 95 % interval over races"
        yield f"{'':{width}}  " + "  ".join(f"{part:<19}" for part in _PARTS).rstrip()
        for row in rows:
            figures: Sequence[Figure] = getattr(row.score, name)
            yield f"{row.name:<{width}}  " + "  ".join(f"{figure!s:<19}" for figure in figures)
        yield ""
    for row in rows:
        if row.surprise is not None:
            yield f"log-loss of the winner, {row.name}: {row.surprise:.3f}"
