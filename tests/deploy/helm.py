"""The chart, rendered and checked by the real helm."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "streamrank"
VALUE_SETS = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))

NEWEST = "1.37"
FOR_NEWEST = ("--kube-version", NEWEST)
"""Where nothing else is said: a helm that was built from its module takes it for a very old Kubernetes."""


class HelmUnavailable(Exception):
    """There is no helm on this machine; the message says how to get one."""


@cache
def helm() -> str:
    """The path of helm.

    Raises:
        HelmUnavailable: there is none. It is not built here: that takes longer than a test may.
    """
    command = [ROOT / "scripts" / "helm.sh", "--no-build"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HelmUnavailable(done.stderr.strip())
    return done.stdout.strip()


def why_no_helm() -> str | None:
    """None when helm is here, else what is missing; HelmUnavailable when REQUIRE_HELM=1 insists."""
    try:
        helm()
    except HelmUnavailable as error:
        if os.environ.get("REQUIRE_HELM") == "1":
            raise
        return str(error)
    return None


@dataclass(frozen=True)
class Answer:
    """What helm said."""

    status: int
    out: str
    error: str


def ask(*arguments: str | Path) -> Answer:
    done = subprocess.run([helm(), *arguments], capture_output=True, text=True, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def values_of(name: str) -> Path:
    """The file of one of `VALUE_SETS`."""
    return CHART / "ci" / f"{name}-values.yaml"


def rendered(name: str, *options: str) -> dict[str, dict[str, Any]]:
    """What the chart makes of one of `VALUE_SETS`, by kind."""
    answer = _template(name, *options)
    assert answer.status == 0, answer.error
    objects = [each for each in yaml.safe_load_all(answer.out) if each]
    by_kind = {each["kind"]: each for each in objects}
    assert len(by_kind) == len(objects)
    return by_kind


def refusal(name: str, *options: str) -> str:
    """What is said about values that are refused."""
    answer = _template(name, *options)
    assert answer.status != 0, answer.out
    return answer.error


@cache
def _template(name: str, *options: str, chart: Path = CHART) -> Answer:
    values = ("--namespace", "ranking", "--values", values_of(name))
    return ask("template", "ranker", chart, *FOR_NEWEST, *values, *options)


_NOTES = """\
apiVersion: v1
kind: Notes
text: |
  {{- tpl (.Files.Get "notes") . | nindent 2 }}
"""


def notes(name: str, folder: Path, *options: str) -> str:
    """What `helm install` tells in the end; helm shows it only to those who have a cluster, so a copy renders it."""
    copy = shutil.copytree(CHART, folder / "chart")
    (copy / "templates" / "NOTES.txt").rename(copy / "notes")
    (copy / "templates" / "notes.yaml").write_text(_NOTES)
    answer = _template(name, "--show-only", "templates/notes.yaml", *options, chart=copy)
    assert answer.status == 0, answer.error
    return yaml.safe_load(answer.out)["text"]


def worker(objects: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The one container of the Deployment's pods."""
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    return container
