"""Figures as a table for people."""

from collections.abc import Iterator, Sequence

from models.race.evaluation import Figure
from models.race.study import Row

_PARTS = ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter", "whole race")

_TITLES = (
    ("Spearman correlation with the finishing order", "spearman"),
    ("winner named", "winner"),
    ("Spearman correlation among those alone who got to the end", "finished"),
)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield lines: how well each way foretells the order and the winner, by quarter of the race."""
    width = max(len(row.name) for row in rows)
    for title, name in _TITLES:
        # Where everybody got to the end the two are the same.
        if name == "finished" and all(_texts(row.score.finished) == _texts(row.score.spearman) for row in rows):
            continue
        yield f"{title}, mean and 95 % interval over races"
        yield f"{'':{width}}  " + "  ".join(f"{part:<21}" for part in _PARTS).rstrip()
        for row in rows:
            figures: Sequence[Figure] = getattr(row.score, name)
            yield f"{row.name:<{width}}  {'  '.join(f'{text:<21}' for text in _texts(figures))}".rstrip()
        yield ""
    for row in rows:
        if row.surprise is not None and row.belief is not None:
            won = row.score.winner[-1].mean
            told = f"its tips win {won:.1%} of the time, and it believes {row.belief:.1%}"
            yield f"{row.name}: log-loss of the winner {row.surprise:.3f}; {told}"


def _texts(figures: Sequence[Figure]) -> list[str]:
    # Compared as they are shown, since no data (NaN) equals nothing.
    return [str(figure) for figure in figures]
