"""Ask a public service what is known to be wrong with the locked packages."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

FOUND, UNKNOWN = 1, 3

_EPILOG = """\
exit status: 0 nothing is known, 1 something is, 2 wrong arguments, 3 the service could not be asked about some or all
"""


def main() -> int:
    """Ask, print what is known, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("requirements", nargs="+", help="locked files, with hashes")
    parser.add_argument("--service", choices=["pypi", "osv"], default="pypi")
    parser.add_argument("--osv-url", help="another address of that service")
    wanted = parser.parse_args()
    options = ["--vulnerability-service", wanted.service]
    if wanted.osv_url:
        options += ["--osv-url", wanted.osv_url]
    return worst(_audit(requirements, options) for requirements in wanted.requirements)


def worst(statuses: Iterable[int]) -> int:
    """Return the one exit status for several files."""
    return max(statuses, key=(0, UNKNOWN, FOUND).index)


def _audit(requirements: str, options: Sequence[str]) -> int:
    asked = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--requirement", requirements),
            # The file says all: nothing is resolved, downloaded or installed.
            *("--disable-pip", "--require-hashes"),
            *("--format", "json", "--progress-spinner", "off", *options),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        said = asked.stderr.strip().splitlines()[-1:]
        print(f"{requirements}: NOT AUDITED: the service could not be asked: {''.join(said)}")
        return UNKNOWN
    return tell(requirements, packages)


def tell(requirements: str, packages: Sequence[Mapping[str, Any]]) -> int:
    """Print what is known about *packages*, as pip-audit describes them, and return the exit status."""
    known = list(_known(packages))
    for line in known:
        print(f"{requirements}: {line}")
    # pip-audit itself calls it a success when the service has never heard of a package.
    unheard = [package["name"] for package in packages if "skip_reason" in package]
    if unheard or not packages:
        some = ", ".join([*unheard[:3], *(["..."] if len(unheard) > 3 else [])])
        which = f"{len(unheard)} of {len(packages)} packages ({some})"
        print(f"{requirements}: NOT AUDITED: the service does not know {which}; is it the real one?")
    elif not known:
        print(f"{requirements}: nothing is known about its {len(packages)} packages")
    return FOUND if known else UNKNOWN if unheard or not packages else 0


def _known(packages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for package in packages:
        for each in package.get("vulns", ()):
            mended = ", ".join(each["fix_versions"]) or "no version yet"
            yield f"{package['name']} {package['version']}: {each['id']}, mended in {mended}"


if __name__ == "__main__":
    sys.exit(main())
