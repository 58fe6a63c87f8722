import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from app.ports import free_ports
from scripts import vulnerabilities

LOCKED = f"first==1.0 \\\n    --hash=sha256:{'0' * 64}\nsecond==2.0 \\\n    --hash=sha256:{'1' * 64}\n"
KNOWN = {
    "id": "OSV-2026-1",
    "affected": [
        {
            "package": {"name": "second", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.1"}]}],
        }
    ],
}


class Service(ThreadingHTTPServer):
    """Answers as OSV does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.known: Mapping[str, list[object]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/query"


class _Answer(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
        known = self.server.known.get(asked, [])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"vulns": known} if known else {}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def audit(folder: Path, url: str) -> tuple[int, str]:
    """Ask the service at *url* about `LOCKED`; the exit status and what is said."""
    (folder / "locked.txt").write_text(LOCKED)
    done = subprocess.run(
        [sys.executable, vulnerabilities.__file__, "locked.txt", "--service", "osv", "--osv-url", url],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_where_nothing_is_known_it_says_so(service: Service, tmp_path: Path) -> None:
    assert audit(tmp_path, service.url) == (0, "locked.txt: nothing is known about its 2 packages\n")


def test_what_is_known_is_told_with_the_version_that_mends_it(service: Service, tmp_path: Path) -> None:
    service.known = {"second": [KNOWN]}

    assert audit(tmp_path, service.url) == (1, "locked.txt: second 2.0: OSV-2026-1, mended in 2.1\n")


def test_a_service_that_cannot_be_reached_is_no_clean_bill(tmp_path: Path) -> None:
    status, said = audit(tmp_path, f"http://127.0.0.1:{free_ports(1)[0]}/v1/query")

    assert status == 3
    assert said.startswith("locked.txt: NOT AUDITED: the service could not be asked: ")
    assert "Connection refused" in said


def test_a_service_that_has_heard_of_no_package_is_no_clean_bill_either(capsys: pytest.CaptureFixture[str]) -> None:
    """As pip-audit tells it of a mirror that has packages and no figures: exit status 0, all skipped."""
    packages = [{"name": name, "skip_reason": "not found"} for name in ("first", "second")]

    assert vulnerabilities.tell("locked.txt", packages) == 3
    assert "NOT AUDITED: the service does not know 2 of 2 packages (first, second)" in capsys.readouterr().out


def test_what_is_known_of_one_counts_more_than_that_another_is_unheard_of() -> None:
    found = {"name": "second", "version": "2.0", "vulns": [{"id": "OSV-2026-1", "fix_versions": []}]}

    assert vulnerabilities.tell("locked.txt", [{"name": "first", "skip_reason": "not found"}, found]) == 1


def test_of_several_files_the_worst_counts() -> None:
    assert vulnerabilities.worst([0, 3, 1]) == 1
    assert vulnerabilities.worst([0, 3]) == 3
    assert vulnerabilities.worst([0, 0]) == 0
