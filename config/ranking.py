"""Which variables belong to which way of ranking."""

from collections.abc import Iterator, Mapping

from config.sources import Given, assignment

# By their defaults, which ask for nothing.
_OF_LISTS: Mapping[str, str | None] = {
    "CANDIDATES_FIELD": "candidates",
    "CANDIDATE_ID_FIELD": "id",
    "CANDIDATE_ROWS": "each",
    "CANDIDATE_ERRORS": "reject_record",
    "CANDIDATE_MASK_INPUT": None,
    "MODEL_SCORE_COLUMN": None,
}
_OF_CLASSES = ("MODEL_SHADOW_VERSION", "SHADOW_TOPIC")


def not_ranked_so(values: Mapping[str, Given]) -> Iterator[str]:
    """Yield a line for each variable in *values* that is not used with this `RANK_BY`, or these `CANDIDATE_ROWS`."""
    by, rows = _said("RANK_BY", "classes", values), _said("CANDIDATE_ROWS", "each", values)
    needed: dict[str, str] = {}
    if by == "classes":
        needed = dict.fromkeys(_OF_LISTS, "RANK_BY=candidates")
    elif by == "candidates":
        needed = dict.fromkeys(_OF_CLASSES, "RANK_BY=classes")
        if rows == "each":
            needed["CANDIDATE_MASK_INPUT"] = "CANDIDATE_ROWS=list"
        elif rows == "list":
            needed["MODEL_SCORE_COLUMN"] = "CANDIDATE_ROWS=each"
    for name, other in needed.items():
        if name in values and values[name].value.strip() != _OF_LISTS.get(name):
            yield f"{assignment(name, values)}: used only with {other}; unset it"


def _said(name: str, default: str, values: Mapping[str, Given]) -> str:
    return values[name].value.strip() if name in values else default
