"""Which variables belong to which way of ranking."""

from collections.abc import Iterator, Mapping

from config.sources import Given, assignment
from config.values import is_topic

# By their defaults, which ask for nothing.
_OF_LISTS: dict[str, str | None] = {
    "CANDIDATES_FIELD": "candidates",
    "CANDIDATE_ID_FIELD": "id",
    "CANDIDATE_ROWS": "each",
    "CANDIDATE_ERRORS": "reject_record",
    "CANDIDATE_MASK_INPUT": None,
}
_OF_STANDINGS: dict[str, str | None] = {
    "STANDINGS_GROUP_FIELD": "group",
    "STANDINGS_MEMBER_FIELD": "member",
    "STANDINGS_ORDER_FIELD": None,
    "STANDINGS_EMIT": "record",
    "STANDINGS_CONFLATE": "true",
    "STANDINGS_TTL_SECONDS": "86400",
    "STANDINGS_TOPIC": None,
}
_DEFAULTS = _OF_LISTS | _OF_STANDINGS
_OF_CLASSES = ("MODEL_SHADOW_VERSION", "SHADOW_TOPIC")
_WAYS = ("classes", "candidates", "standings")


def not_ranked_so(values: Mapping[str, Given]) -> Iterator[str]:
    """Yield a line for each variable in *values* that is not used with this `RANK_BY`, or these `CANDIDATE_ROWS`."""
    by, rows = _said("RANK_BY", "classes", values), _said("CANDIDATE_ROWS", "each", values)
    if by not in _WAYS:
        return  # a mistake of its own
    needed: dict[str, str] = {}
    if by != "classes":
        needed |= dict.fromkeys(_OF_CLASSES, "RANK_BY=classes")
    if by != "candidates":
        needed |= dict.fromkeys(_OF_LISTS, "RANK_BY=candidates")
    elif rows == "each":
        needed["CANDIDATE_MASK_INPUT"] = "CANDIDATE_ROWS=list"
    elif rows == "list":
        needed["MODEL_SCORE_COLUMN"] = "CANDIDATE_ROWS=each"
    if by == "classes":
        needed["MODEL_SCORE_COLUMN"] = "RANK_BY=candidates or standings"
    if by != "standings":
        needed |= dict.fromkeys(_OF_STANDINGS, "RANK_BY=standings")
    for name, other in needed.items():
        if name in values and values[name].value.strip() != _DEFAULTS.get(name):
            yield f"{assignment(name, values)}: used only with {other}; unset it"


def no_state_topic(values: Mapping[str, Given]) -> Iterator[str]:
    """Yield a line where the topic that keeps standings would get a name that no topic can have, or another has."""
    if _said("RANK_BY", "classes", values) != "standings" or "STANDINGS_TOPIC" in values:
        return
    source, group = _said("INPUT_TOPIC", "", values), _said("CONSUMER_GROUP", "streamrank", values)
    name = f"{source}.{group}.standings"
    if not source or not is_topic(source):
        return  # a mistake of its own
    if not is_topic(name):
        yield f"STANDINGS_TOPIC: set it, since {name!r}, after INPUT_TOPIC and CONSUMER_GROUP, can be no topic's name"
    elif taken := [other for other in ("OUTPUT_TOPIC", "DEAD_LETTER_TOPIC") if _said(other, "", values) == name]:
        yield f"STANDINGS_TOPIC: set it, since {name!r}, after INPUT_TOPIC and CONSUMER_GROUP, is {taken[0]} too"


def _said(name: str, default: str, values: Mapping[str, Given]) -> str:
    return values[name].value.strip() if name in values else default
