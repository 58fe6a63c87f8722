"""The kinds of value that a variable can hold, and how their text is read.

Each message ends the sentence `VARIABLE=value: ...`.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, SecretStr

from config.masking import holds_pem

INT32_MAX = 2**31 - 1
"""The largest number that Kafka's protocol and TensorFlow's indices carry."""

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_SERVER = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+):([0-9]{1,5})")
_SIZE = re.compile(r"([0-9]{1,18}) *([a-z]*)", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_PATH = re.compile(r"(?:[^.\\]|\\.)+(?:\.(?:[^.\\]|\\.)+)*", re.DOTALL)
_DEVICE = re.compile(r"auto|cpu|gpu(:[0-9]{1,3})?")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_SCHEMES = ("s3", "gs", "az", "https", "http")
_FETCHED_WHOLE = (".tar.gz", ".tgz", ".tar", ".zip", ".keras", ".tflite")
_VERSION = re.compile(r"latest|[0-9]{1,18}")
_NUMBER = re.compile(r"[0-9]{1,18}")


def is_topic(name: str) -> bool:
    """Tell whether a topic can have this name."""
    return bool(_TOPIC.fullmatch(name)) and name not in {".", ".."}


def _topic(name: str) -> str:
    if not is_topic(name):
        raise ValueError("must be 1 to 249 of the characters a-z A-Z 0-9 . _ - and neither '.' nor '..'")
    return name


def _servers(value: str | tuple[str, ...]) -> tuple[str, ...]:
    servers = tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value
    for server in servers:
        match = _SERVER.fullmatch(server)
        if not match or not 1 <= int(match[1]) <= 65535:
            raise ValueError("must be host:port, or several of them with commas between, ports from 1 to 65535")
    return servers


def _byte_count(value: str | int) -> int:
    match = _SIZE.fullmatch(str(value).strip())
    if not match or match[2].lower() not in _UNITS:
        raise ValueError("must be a number of bytes, or a size such as 64MiB or 500 kB (B, kB, MB, GB, KiB, MiB, GiB)")
    return int(match[1]) * _UNITS[match[2].lower()]


def _paths(value: str | Mapping[str, str]) -> Any:
    if not isinstance(value, str):
        return value
    paths = _json(value)
    if not isinstance(paths, dict):
        raise ValueError('must be a JSON object such as {"pixels": "image.pixels"}')
    for name, path in paths.items():
        if not name or not isinstance(path, str) or not _PATH.fullmatch(path):
            raise ValueError(rf"must give every input a dotted path (a dot in a name is written \.), not {path!r}")
    return paths


def _path_list(value: str | tuple[str, ...]) -> Any:
    if not isinstance(value, str):
        return value
    paths = _json(value)
    if not isinstance(paths, list):
        raise ValueError('must be a JSON list such as ["position", "lap.number"]')
    for path in paths:
        if not isinstance(path, str) or not _PATH.fullmatch(path):
            raise ValueError(rf"must hold dotted paths (a dot in a name is written \.), not {path!r}")
    return tuple(paths)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _device(name: str) -> str:
    if not _DEVICE.fullmatch(name):
        raise ValueError("must be auto, cpu, gpu or gpu:N, where N counts from 0")
    return name


def _version(name: str) -> str:
    if not _VERSION.fullmatch(name):
        raise ValueError("must be latest or the number of a version")
    return name


def _version_number(value: str | int) -> int:
    if not isinstance(value, int) and not _NUMBER.fullmatch(value):
        raise ValueError("must be the number of a version")
    return int(value)


def _sizes(value: str | tuple[int, ...]) -> tuple[int, ...]:
    if not isinstance(value, str):
        return value
    sizes = [size.strip() for size in value.split(",")]
    if not all(size.isascii() and size.isdecimal() and 1 <= int(size) <= INT32_MAX for size in sizes):
        raise ValueError(f"must be numbers from 1 to {INT32_MAX} with commas between, such as 8,64,512")
    numbers = tuple(map(int, sizes))
    if list(numbers) != sorted(set(numbers)):
        raise ValueError("must be ascending, each size once")
    return numbers


def _local(path: str) -> str:
    if "://" in str(path):
        raise ValueError("must be a path on this machine")
    if holds_pem(str(path)):
        raise ValueError("must be the path of a file; put this text into one, readable by this user alone")
    return path


class Url(str):
    """Where a model lies on another machine."""

    __slots__ = ()

    @property
    def shown(self) -> str:
        """Without its query, which may be a signature."""
        return self.partition("?")[0]


def _location(place: str | Path) -> Path | Url:
    if isinstance(place, Path | Url):
        return place
    scheme, separator, rest = place.partition("://")
    if not separator:
        return Path(_local(place))
    if scheme not in _SCHEMES:
        raise ValueError(f"must be a path on this machine, or a URL that begins with one of {', '.join(_SCHEMES)}")
    if not rest.partition("/")[0]:
        raise ValueError("must name a bucket or a host after ://")
    if "@" in rest.partition("/")[0]:
        raise ValueError("must not hold a password: credentials are taken from each service's own variables")
    if scheme in {"http", "https"} and not rest.partition("?")[0].endswith(_FETCHED_WHOLE):
        raise ValueError(f"must be a file that ends with one of {', '.join(_FETCHED_WHOLE)}: HTTP lists no folders")
    return Url(place)


def _shown(place: Path | Url) -> str:
    return place.shown if isinstance(place, Url) else str(place)


def _sha256(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise ValueError("must be 64 hexadecimal digits")
    return digest.lower()


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be printable text")
    return text


def _secret(text: str | SecretStr) -> SecretStr:
    # Wrapped up here, before pydantic strips it: a blank at an end may belong to it.
    secret = text if isinstance(text, SecretStr) else SecretStr(text)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in secret.get_secret_value()):
        raise ValueError("must be one line of UTF-8 text without control characters")
    return secret


Topic = Annotated[str, AfterValidator(_topic)]
"""A topic's name by Kafka's rule."""

Servers = Annotated[tuple[str, ...], BeforeValidator(_servers)]
"""`host:port` of each broker; one string with commas is split."""

Count = Annotated[int, Field(ge=1, le=INT32_MAX)]
"""How many, at least one."""

ByteCount = Annotated[int, BeforeValidator(_byte_count), Field(ge=1, le=2**63 - 1)]
"""Bytes; text such as `64 MiB` or `500kB` is read too."""

Sizes = Annotated[tuple[int, ...], BeforeValidator(_sizes)]
"""Numbers of rows, ascending; one string with commas is split."""

FieldPaths = Annotated[
    Mapping[str, str],
    BeforeValidator(_paths),
    AfterValidator(MappingProxyType),
    PlainSerializer(dict, return_type=dict[str, str]),
]
"""A read-only mapping from a model's inputs to dotted paths; JSON text is read too."""

Paths = Annotated[tuple[str, ...], BeforeValidator(_path_list)]
"""Dotted paths in a record; JSON text is read too."""

Device = Annotated[str, AfterValidator(_device)]
"""`auto`, `cpu`, `gpu` or `gpu:N`."""

Version = Annotated[str, AfterValidator(_version)]
"""`latest` or digits."""

VersionNumber = Annotated[int, BeforeValidator(_version_number)]
"""Digits."""

Local = BeforeValidator(_local)
"""Refuses URLs, which a Path would silently mangle, and keys themselves, which would be shown as a path."""

Location = Annotated[Path | Url, PlainValidator(_location), PlainSerializer(_shown, when_used="json")]
"""A path on this machine, or the URL of a model elsewhere."""

Sha256 = Annotated[str, AfterValidator(_sha256)]
"""64 hexadecimal digits."""

Text = Annotated[str, Field(min_length=1, max_length=249), AfterValidator(_printable)]
"""Up to 249 printable characters."""

Secret = Annotated[SecretStr, BeforeValidator(_secret)]
"""A line that is kept as it is, blanks at its ends too, and shows neither in `repr` nor in a dump."""
