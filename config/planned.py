"""The variables that later versions will have, so that none of them is silently ignored in this one."""

from collections.abc import Mapping

PLANNED: Mapping[str, str | None] = {
    "INPUT_FORMAT": "json",
    "OUTPUT_FORMAT": "json",
    "STANDINGS_CONFLATE": None,
    "STANDINGS_EMIT": None,
    "STANDINGS_TTL_SECONDS": None,
    "STANDINGS_ORDER_FIELD": None,
}
"""By name, the one value that asks for what this version does anyway; None where every value asks for more."""
