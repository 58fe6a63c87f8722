"""What may be shown of a variable's value."""

import re

MASK = "***"
LONGEST_SHOWN = 200
"""Characters of a value that are shown; more would bury the message that it stands in."""

_SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL")
# Where credentials may begin: `scheme://user:password@host`, or `user:password@host` as an item of a list.
_CREDENTIALS = re.compile(r"(?:^|[\s,])[^\s/,:@\"{]+:(?://)?|://")

# A query may be a signature, with which anybody may read what the URL is of.
_QUERY = re.compile(r"(://[^\s?]*)\?\S*")


def is_secret(variable: str) -> bool:
    """Tell whether nothing may be shown of the value of *variable*."""
    return _SECRET_NAME.search(variable) is not None


def shown(variable: str, value: str) -> str:
    """Return the *value* of *variable* as one line, masked where it is a secret or holds one.

    The path of a file with a secret is shown, unless it may be the secret itself, given in the wrong place. A key that
    is given where the path of its file belongs is a secret too.
    """
    is_path = variable.endswith("_FILE") and value.startswith(("/", "./", "../"))
    hidden = (is_secret(variable) and not is_path) or holds_pem(value)
    return MASK if hidden else one_line(value)


def holds_pem(value: str) -> bool:
    """Tell whether *value* is the text of a certificate or key, also one whose lines were joined."""
    return "-----BEGIN" in value


def one_line(text: str) -> str:
    """Return *text* on one line, without the credentials and queries of URLs, cut at `LONGEST_SHOWN` characters."""
    line = "".join(_visible(character) for character in _QUERY.sub(rf"\1?{MASK}", _without_credentials(text)))
    return line if len(line) <= LONGEST_SHOWN else line[:LONGEST_SHOWN] + "..."


def _without_credentials(text: str) -> str:
    # A password may hold any character, so everything up to the last @ goes.
    before, at, after = text.rpartition("@")
    start = _CREDENTIALS.search(before)
    return f"{before[: start.end()]}{MASK}@{after}" if at and start else text


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
