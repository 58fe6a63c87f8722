"""The jars of Apache Kafka, fetched once with Maven and kept in the user's cache."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
VERSION = "4.1.1"
OLDEST_JAVA = 17


class KafkaUnavailable(Exception):
    """This machine cannot run Apache Kafka; the message says what is missing."""


def classpath() -> str:
    """Return a class path with all of Kafka; fetch the jars when the cache has none for this pom.xml.

    Raises:
        KafkaUnavailable: Java or Maven is missing, or Maven could not fetch.
    """
    _check_java()
    folder = cache() / f"kafka-{VERSION}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_complete(folder):
            _fetch(folder)
    return str(folder / "jars" / "*")


def _check_java() -> None:
    if not shutil.which("java"):
        raise KafkaUnavailable(f"no `java` on the PATH; Apache Kafka {VERSION} needs Java {OLDEST_JAVA}")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if not found or int(found[1]) < OLDEST_JAVA:
        raise KafkaUnavailable(f"Apache Kafka {VERSION} needs Java {OLDEST_JAVA}; `java -version` says: {said.strip()}")


def cache() -> Path:
    """Where what the tests fetch is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "streamrank"


def _is_complete(folder: Path) -> bool:
    """Tell whether *folder* holds what this pom.xml asks for; its copy of the pom arrives together with the jars."""
    kept = folder / POM.name
    return kept.is_file() and kept.read_bytes() == POM.read_bytes()


def _fetch(folder: Path) -> None:
    if not shutil.which("mvn"):
        raise KafkaUnavailable(f"no `mvn` on the PATH and no Apache Kafka {VERSION} in {folder}")
    # Everything is complete in a folder beside the cache before one rename shows it: a broken download is never seen.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as workplace:
        fresh = Path(workplace) / "fresh"
        fresh.mkdir()
        shutil.copy(POM, fresh)
        _run_maven(Path(workplace), fresh)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)


def _run_maven(workplace: Path, fresh: Path) -> None:
    shutil.copy(POM, workplace)  # Maven writes beside the pom it reads
    command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={fresh / 'jars'}"]
    done = subprocess.run(command, cwd=workplace, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KafkaUnavailable(f"Maven could not fetch Apache Kafka {VERSION}:\n{(done.stdout + done.stderr)[-2000:]}")
