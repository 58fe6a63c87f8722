"""What the Helm chart has of the project: its version, and a schema of the settings."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml

from config.settings import VARIABLES, Settings
from config.variables import Variable

ROOT = Path(__file__).resolve().parent.parent
CHART_FILE = ROOT / "deploy" / "helm" / "streamrank" / "Chart.yaml"
SCHEMA_FILE = CHART_FILE.with_name("values.schema.json")
VALUES_FILE = CHART_FILE.with_name("values.yaml")

DECIDED_ELSEWHERE = {
    "HTTP_HOST": "http.host",
    "HTTP_PORT": "http.port",
    "KAFKA_SASL_MECHANISM": "kafka.sasl.mechanism",
    "KAFKA_SASL_PASSWORD": "kafka.sasl.existingSecret",
    "KAFKA_SASL_USERNAME": "kafka.sasl.existingSecret",
    "KAFKA_SECURITY_PROTOCOL": "kafka.tls.enabled",
    "KAFKA_SSL_CAFILE": "kafka.tls.caSecret",
    "KAFKA_SSL_CERTFILE": "kafka.tls.clientSecret",
    "KAFKA_SSL_KEYFILE": "kafka.tls.clientSecret",
    "KAFKA_SSL_KEY_PASSWORD": "kafka.tls.keyPasswordKey",
    "MODEL_CACHE_PATH": "model.cacheSizeLimit",
    "SHUTDOWN_TIMEOUT_SECONDS": "shutdownTimeoutSeconds",
}
"""Variables that are not among the chart's `settings`, and the value that decides them."""

REQUIRED = ("KAFKA_BOOTSTRAP_SERVERS", "INPUT_TOPIC", "OUTPUT_TOPIC", "MODEL_PATH")
"""What has no default in a cluster: no broker is on localhost there."""

_SERVER = r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+):[1-9][0-9]{0,4}"

PATTERNS = {"KAFKA_BOOTSTRAP_SERVERS": rf"^ *{_SERVER} *(, *{_SERVER} *)*$"}
"""How variables look that templates take apart: these ports are those of the network policy."""


def version() -> str:
    """Return the project's version, from the one place where it is written."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def chart(text: str) -> str:
    """Return `Chart.yaml` with the project's version."""
    text = re.sub(r"^version: .*$", f"version: {version()}", text, flags=re.MULTILINE)
    return re.sub(r"^appVersion: .*$", f'appVersion: "{version()}"', text, flags=re.MULTILINE)


def schema(text: str) -> str:
    """Return `values.schema.json` with all settings; the rest of it stays."""
    whole = json.loads(text)
    whole["properties"]["settings"] = _settings()
    return json.dumps(whole, indent=2) + "\n"


def values() -> Iterator[tuple[str, str, str]]:
    """Yield every value beside the settings: its name, its default in YAML and what it means."""
    properties = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))["properties"]
    defaults = yaml.safe_load(VALUES_FILE.read_text(encoding="utf-8"))
    ours = {name: each for name, each in properties.items() if name not in {"settings", "global"}}
    yield from _walk(ours, defaults)


def _walk(properties: Mapping[str, Any], defaults: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, str]]:
    for name, each in properties.items():
        # Of the sources of a volume one is chosen, so none of them has a default.
        if "properties" in each and each.get("maxProperties") != 1:
            yield from _walk(each["properties"], defaults[name], f"{path}{name}.")
        else:
            yield path + name, json.dumps(defaults[name]), each["description"]


def _settings() -> Mapping[str, Any]:
    return {
        "description": "The service's settings, under the names of its environment variables.",
        "type": "object",
        "additionalProperties": False,
        "required": list(REQUIRED),
        "properties": {name: _property(one) for name, one in VARIABLES.items() if name not in DECIDED_ELSEWHERE},
    }


def _property(variable: Variable) -> Mapping[str, Any]:
    return {"description": variable.meaning, **_kind(variable)}


def _kind(variable: Variable) -> Mapping[str, Any]:
    if variable.name in REQUIRED:
        pattern = PATTERNS.get(variable.name)
        return {"type": "string", "minLength": 1} if pattern is None else {"type": "string", "pattern": pattern}
    # null unsets what another file of values has set.
    if choices := _choices(variable):
        return {"enum": [*choices, None]}
    return {"type": ["string", "number", "boolean", "null"]}


def _choices(variable: Variable) -> tuple[str, ...]:
    """Return the words that a variable takes, where it takes these and no other spelling of them."""
    group = Settings.model_fields[variable.group].annotation
    assert group is not None  # noqa: S101 - `config.variables` has found the variable there
    info = group.model_fields[variable.field]
    if info.metadata:
        return ()
    return _words(info.annotation)


def _words(kind: Any) -> tuple[str, ...]:
    origin = get_origin(kind)
    if origin is Literal:
        return get_args(kind)
    if origin in {Union, UnionType, Annotated}:
        return tuple(word for part in get_args(kind) for word in _words(part))
    return ()
