import shutil
import threading
from pathlib import Path

import pytest

from tests.broker.kafka_jars import KafkaUnavailable, classpath

# Stands in for Maven: counts its runs, and leaves one jar where it is told to.
MAVEN = """#!/bin/sh
echo run >> {runs}
for word in "$@"; do case $word in -DoutputDirectory=*) folder=${{word#*=}};; esac; done
/bin/mkdir -p "$folder"
echo jar > "$folder/kafka.jar"
/bin/sleep 0.2
echo "no network"
exit {status}
"""


class Machine:
    """A machine with Java, an empty cache, and a Maven if one is installed."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache" / "streamrank"
        self.programs = folder / "bin"
        self._runs = folder / "runs"

    def install_maven(self, *, status: int = 0) -> None:
        program = self.programs / "mvn"
        program.write_text(MAVEN.format(runs=self._runs, status=status))
        program.chmod(0o755)

    @property
    def maven_runs(self) -> int:
        return len(self._runs.read_text().split())


@pytest.fixture
def machine(tmp_path, monkeypatch):
    machine = Machine(tmp_path)
    machine.programs.mkdir()
    if not (java := shutil.which("java")):
        pytest.skip("no `java` on the PATH")
    (machine.programs / "java").symlink_to(java)
    monkeypatch.setenv("PATH", str(machine.programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(machine.cache.parent))
    return machine


def test_the_jars_are_fetched_once_also_by_two_at_the_same_time(machine):
    machine.install_maven()
    threads = [threading.Thread(target=classpath) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert machine.maven_runs == 1
    assert [jar.name for jar in Path(classpath()).parent.iterdir()] == ["kafka.jar"]


def test_a_failed_download_is_named_and_leaves_nothing_behind_that_looks_complete(machine):
    machine.install_maven(status=1)
    with pytest.raises(KafkaUnavailable, match="no network"):
        classpath()
    machine.install_maven()
    assert Path(classpath()).parent.is_dir()
    assert machine.maven_runs == 2


def test_a_changed_pom_is_fetched_again(machine):
    machine.install_maven()
    kept = Path(classpath()).parent.parent / "pom.xml"
    kept.write_text(kept.read_text().replace("4.1.1", "4.1.0"))
    classpath()
    assert machine.maven_runs == 2


def test_jars_that_are_there_need_no_maven(machine):
    machine.install_maven()
    classpath()
    (machine.programs / "mvn").unlink()
    classpath()
    assert machine.maven_runs == 1


def test_missing_programs_are_named(machine):
    with pytest.raises(KafkaUnavailable, match="no `mvn` on the PATH"):
        classpath()
    (machine.programs / "java").unlink()
    with pytest.raises(KafkaUnavailable, match="no `java` on the PATH"):
        classpath()


def test_an_old_java_is_named(machine):
    (machine.programs / "java").unlink()
    (machine.programs / "java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    (machine.programs / "java").chmod(0o755)
    with pytest.raises(KafkaUnavailable, match=r'needs Java 17.*"11.0.2"'):
        classpath()
