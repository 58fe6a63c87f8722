"""The variables that later versions will have, so that none of them is silently ignored in this one."""

from collections.abc import Mapping

PLANNED: Mapping[str, str | None] = {
    "INPUT_FORMAT": "json",
    "OUTPUT_FORMAT": "json",
}
"""By name, the one value that asks for what this version does anyway; None where every value asks for more."""
