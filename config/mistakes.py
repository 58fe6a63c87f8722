"""What is wrong with the given values, one line per mistake."""

from collections.abc import Collection, Iterator, Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.masking import MASK, is_secret, one_line, shown
from config.sources import Given, assignment
from config.spelling import meant
from config.variables import Variable

_ALLOWED = {
    "beyond": "must be at most {most}, {other}",
    "below": "must be at least {other}={least}",
    "bool": "must be true or false",
    "finite_number": "must be a finite number",
    "float": "must be a number",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must have at most {max_length} entries",
    "value_error": "{error}",
}
"""What pydantic's errors mean for a person, by the error's type or the word that it begins with."""


def wrong(error: ValidationError, values: Mapping[str, Given], known: Mapping[str, Variable]) -> Iterator[str]:
    """Yield a line for each error of the settings classes."""
    for details in error.errors(include_url=False, include_input=False):
        if details["type"] == "default_factory_not_called":
            continue  # the default depends on another value, which is wrong and has a line of its own
        variable = _located(details, known)
        yield _missing(variable) if details["type"] == "missing" else _refused(details, values, variable)


def unavailable(values: Mapping[str, Given], planned: Mapping[str, str | None]) -> Iterator[str]:
    """Yield a line for each given variable of a later version, unless it asks for what this one does anyway."""
    for name, anyway in planned.items():
        if name in values and values[name].value.strip() != anyway:
            yield f"{assignment(name, values)}: not in this version of StreamRank; unset it"


def misspelt(values: Mapping[str, Given], known: Collection[str]) -> Iterator[str]:
    """Yield a line for each given variable that looks like one of ours and is not.

    Where the right one is given too, the other is taken to be somebody else's.
    """
    for name, given in values.items():
        ours = None if name in known else meant(name, known)
        if ours and ours not in values:
            value = MASK if is_secret(ours) else shown(name, given.value)
            yield f"{name}={value}: unknown; did you mean {ours}?"


def _located(details: ErrorDetails, known: Mapping[str, Variable]) -> Variable:
    group, name = details["loc"][:2]
    # pydantic names what was given by its alias, and a refused default by its field.
    return next(one for one in known.values() if one.group == group and name in {one.name, one.field})


def _missing(variable: Variable) -> str:
    return f"{variable.name} is missing: {variable.meaning}, for example {variable.name}={variable.example}"


def _refused(details: ErrorDetails, values: Mapping[str, Given], variable: Variable) -> str:
    name, kind = variable.name, details["type"]
    if kind == "below" and name not in values:
        # The default gives way to what somebody asked for, so that is the value to talk about.
        other, least = details["ctx"]["other"], details["ctx"]["least"]
        return f"{other}={least}: more than {name}={variable.default_text} (the default); set that to {least} or more"
    allowed = _ALLOWED.get(kind) or _ALLOWED.get(kind.partition("_")[0])
    limits = {
        limit: f"{bound:.15g}" if isinstance(bound, float) else bound for limit, bound in details.get("ctx", {}).items()
    }
    reason = allowed.format(**limits) if allowed else details["msg"]
    given = assignment(name, values) if name in values else f"{name}={variable.default_text} (the default)"
    return f"{given}: {one_line(reason)}"
