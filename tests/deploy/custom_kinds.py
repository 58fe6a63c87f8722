"""The schemas of kinds that are not Kubernetes' own, as their projects publish them in Go modules."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

KEDA = "github.com/kedacore/keda/v2@v2.20.2"
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
_FILES = {
    "ScaledObject": (KEDA, "config/crd/bases/keda.sh_scaledobjects.yaml"),
    "TriggerAuthentication": (KEDA, "config/crd/bases/keda.sh_triggerauthentications.yaml"),
    "ServiceMonitor": (OPERATOR, "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"),
}
KINDS = tuple(_FILES)


class SchemasUnavailable(Exception):
    """The modules cannot be had on this machine; the message says why."""


def why_no_schemas() -> str | None:
    """None when they are here, fetched if need be, else what is missing; an error when REQUIRE_HELM=1 insists."""
    try:
        for module in (KEDA, OPERATOR):
            _module(module)
    except SchemasUnavailable as error:
        if os.environ.get("REQUIRE_HELM") == "1":
            raise
        return str(error)
    return None


@cache
def _module(module: str) -> Path:
    """The folder of a module, some megabytes, fetched once; Go compares it with the public checksum database."""
    if not shutil.which("go"):
        raise SchemasUnavailable("no go on the PATH to fetch the schemas of KEDA and the Prometheus Operator with")
    command = ["go", "mod", "download", "-json", module]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise SchemasUnavailable(f"go mod download {module}: {(done.stdout + done.stderr)[-1000:]}")
    return Path(json.loads(done.stdout)["Dir"])


@cache
def _schema(kind: str) -> tuple[str, Mapping[str, Any]]:
    """The `apiVersion` of a kind, and its schema, in which nothing may be that it does not know."""
    module, name = _FILES[kind]
    with (_module(module) / name).open() as file:
        definition = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))["spec"]  # noqa: S506 - it is safe
    (version,) = (each for each in definition["versions"] if each["storage"])
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object"}
    _close(schema)
    return f"{definition['group']}/{version['name']}", schema


def _close(schema: Any) -> None:
    """Refuse what a cluster would silently drop."""
    if isinstance(schema, dict):
        if "properties" in schema and "additionalProperties" not in schema:
            schema["additionalProperties"] = schema.get("x-kubernetes-preserve-unknown-fields", False)
        if schema.pop("x-kubernetes-int-or-string", False):
            schema["type"] = ["integer", "string"]
        for each in schema.values():
            _close(each)
    elif isinstance(schema, list):
        for each in schema:
            _close(each)


def mistakes(thing: Mapping[str, Any]) -> list[str]:
    """What is wrong with *thing*, which is of one of `KINDS`."""
    version, schema = _schema(thing["kind"])
    wrong = [] if thing["apiVersion"] == version else [f"apiVersion: {thing['apiVersion']} is not {version}"]
    errors = Draft202012Validator(schema).iter_errors(thing)
    return wrong + [f"{error.json_path}: {error.message}" for error in errors]


@cache
def kafka_parameters() -> Mapping[str, Mapping[str, Any]]:
    """What KEDA's kafka trigger takes, by name."""
    scalers = json.loads((_module(KEDA) / "schema" / "generated" / "scalers-schema.json").read_text())["scalers"]
    (kafka,) = (each for each in scalers if each["type"] == "kafka")
    return {each["name"]: each for each in kafka["parameters"]}
