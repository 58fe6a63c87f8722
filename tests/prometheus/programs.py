"""promtool and Prometheus, as Debian packages them: on the PATH, or where scripts/prometheus.sh puts them."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.broker.kafka_jars import cache
from tests.programs import why_missing

PROGRAMS = ("promtool", "prometheus")


class PrometheusUnavailable(Exception):
    """There is no Prometheus on this machine; the message says how to get one."""


def program(name: str) -> str | None:
    """Where `promtool` or `prometheus` is; None when it is nowhere."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), str(cache() / "prometheus/usr/bin")]))


def why_no_prometheus() -> str | None:
    """None when both are here, else what is missing; PrometheusUnavailable when REQUIRE_PROMETHEUS=1 insists."""
    return why_missing(
        PROGRAMS,
        program,
        remedy="scripts/prometheus.sh fetches Debian's",
        insists="REQUIRE_PROMETHEUS",
        error=PrometheusUnavailable,
    )


def promtool(*arguments: str | Path, given: str = "") -> tuple[int, str]:
    """Run promtool; returns its exit status and what it says."""
    command = [program("promtool") or "promtool", *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
