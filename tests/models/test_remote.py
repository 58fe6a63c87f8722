"""Models that lie elsewhere: a real S3 interface and a real HTTP server on loopback."""

import errno
import hashlib
import io
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from models import remote
from models.errors import ModelNotUsable
from models.fingerprint import read_contents
from models.remote import Mirror

FILES = {"saved_model.pb": b"graph", "variables/variables.index": b"index", "variables/data": b"x" * 5000}


def write(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# -- S3


class Bucket:
    """A bucket of a server that speaks S3."""

    def __init__(self, endpoint: str, name: str) -> None:
        import boto3

        self.url = f"s3://{name}"
        self._name = name
        self._client = boto3.client("s3", endpoint_url=endpoint)
        self._client.create_bucket(Bucket=name)

    def put(self, folder: str, files: dict[str, bytes] = FILES) -> None:
        for name, content in files.items():
            self._client.put_object(Bucket=self._name, Key=f"{folder}/{name}", Body=content)

    def remove(self, folder: str) -> None:
        for about in self._client.list_objects_v2(Bucket=self._name, Prefix=f"{folder}/")["Contents"]:
            self._client.delete_object(Bucket=self._name, Key=about["Key"])


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Bucket:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return Bucket(s3, "b" + hashlib.sha256(request.node.name.encode()).hexdigest()[:20])


def test_a_saved_model_in_s3_is_copied_whole(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("models/mine")
    place = Mirror(f"{bucket.url}/models/mine", tmp_path).fetch()
    assert place.name == "mine"
    assert contents(place) == FILES


def test_the_newest_version_is_copied_and_newer_ones_when_two_looks_agree(bucket: Bucket, tmp_path: Path) -> None:
    for number in (1, 2, 10):
        bucket.put(f"mine/{number}", FILES | {"number": b"%d" % number})
    mirror = Mirror(f"{bucket.url}/mine/", tmp_path)
    shelf = mirror.fetch()
    assert {each.name for each in shelf.iterdir()} == {"10"}
    bucket.put("mine/11", {"saved_model.pb": b"gr"})
    mirror.sync()
    bucket.put("mine/11")
    mirror.sync()
    assert {each.name for each in shelf.iterdir()} == {"10"}
    mirror.sync()
    assert {each.name for each in shelf.iterdir()} == {"10", "11"}
    assert contents(shelf / "11") == FILES
    bucket.put("mine/12")
    mirror.sync()
    mirror.sync()
    assert {each.name for each in shelf.iterdir()} == {"11", "12"}
    bucket.remove("mine/12")
    mirror.sync()
    assert {each.name for each in shelf.iterdir()} == {"11"}


def test_a_pinned_version_is_copied(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("mine/1")
    bucket.put("mine/002")
    assert {each.name for each in Mirror(f"{bucket.url}/mine", tmp_path, version="2").fetch().iterdir()} == {"2"}
    with pytest.raises(ModelNotUsable, match=r"it has no version 3; there are: 1, 2"):
        Mirror(f"{bucket.url}/mine", tmp_path, version="3").fetch()


def test_a_folder_must_hash_to_its_fingerprint(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("mine")
    right = read_contents(write(tmp_path / "own")).fingerprint.removeprefix("sha256:")
    assert contents(Mirror(f"{bucket.url}/mine", tmp_path, sha256=right).fetch()) == FILES
    with pytest.raises(ModelNotUsable, match=rf"{bucket.url}/mine: it hashes to {right}, not to {'0' * 64}"):
        Mirror(f"{bucket.url}/mine", tmp_path / "other", sha256="0" * 64).fetch()
    assert contents(tmp_path / "other") == {}


def test_a_version_that_was_listed_too_early_is_copied_again(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("mine/1")
    mirror = Mirror(f"{bucket.url}/mine", tmp_path)
    shelf = mirror.fetch()
    bucket.put("mine/2", {"saved_model.pb": b"graph"})
    mirror.sync()
    mirror.sync()
    assert contents(shelf / "2") == {"saved_model.pb": b"graph"}
    bucket.put("mine/2")
    mirror.sync()
    mirror.sync()
    assert contents(shelf / "2") == FILES
    # So does a start that finds an older copy.
    bucket.put("mine/2", {"saved_model.pb": b"another graph"})
    assert contents(Mirror(f"{bucket.url}/mine", tmp_path).fetch() / "2")["saved_model.pb"] == b"another graph"


def test_a_copy_from_before_is_checked_too(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("mine/1")
    Mirror(f"{bucket.url}/mine", tmp_path).fetch()
    with pytest.raises(ModelNotUsable, match="it hashes to"):
        Mirror(f"{bucket.url}/mine", tmp_path, sha256="0" * 64).fetch()


def test_a_name_that_leads_out_of_its_folder_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("mine/1", FILES | {"../../../../../evil": b"evil"})
    with pytest.raises(ModelNotUsable, match="a name would lead out of its folder"):
        Mirror(f"{bucket.url}/mine", tmp_path / "a" / "b" / "c" / "d").fetch()
    assert list(tmp_path.rglob("*evil*")) == []


def test_what_cannot_be_copied_is_asked_for_once_and_keeps_nobody_from_seeing_what_is_gone(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put("mine/1")
    right = read_contents(write(tmp_path / "own")).fingerprint.removeprefix("sha256:")
    mirror = Mirror(f"{bucket.url}/mine", tmp_path / "cache", sha256=right)
    shelf = mirror.fetch()
    bucket.put("mine/2", FILES | {"more": b"more"})
    mirror.sync()
    with pytest.raises(ModelNotUsable, match="it hashes to"):
        mirror.sync()
    mirror.sync()
    bucket.remove("mine/1")
    mirror.sync()
    assert [each.name for each in shelf.iterdir()] == []


def test_where_a_version_is_refused_the_newest_other_one_is_copied_and_the_serving_one_stays(
    bucket: Bucket, tmp_path: Path
) -> None:
    for number in (2, 3):
        bucket.put(f"mine/{number}")
    mirror = Mirror(f"{bucket.url}/mine", tmp_path)
    shelf = mirror.fetch()
    for number in (4, 5):
        bucket.put(f"mine/{number}")
        mirror.sync(serving=3)
        mirror.sync(serving=3, refused={4, 5} - {number})
    mirror.sync(serving=3, refused={4, 5})
    assert {each.name for each in shelf.iterdir()} == {"3", "4", "5"}
    bucket.remove("mine/3")
    mirror.sync(serving=3, refused={4, 5})
    assert {each.name for each in shelf.iterdir()} == {"2", "4", "5"}


@pytest.mark.parametrize("path", ["nothing", ""])
def test_where_there_is_nothing_that_is_told(bucket: Bucket, tmp_path: Path, path: str) -> None:
    with pytest.raises(ModelNotUsable, match=rf"^model path {bucket.url}/{path}: "):
        Mirror(f"{bucket.url}/{path}", tmp_path).fetch()


# -- HTTP


class Site:
    """An HTTP server with files in memory, which can be told to cut answers short."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut_at: int | None = None
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self._head()

            def do_GET(self) -> None:
                if (content := self._head()) is not None:
                    self.wfile.write(content if site.cut_at is None else content[: site.cut_at])

            def _head(self) -> bytes | None:
                content = site.files.get(self.path.lstrip("/"))
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                return content

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


def tar_gz(folder: Path, name: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(folder, name or ".")
    return buffer.getvalue()


@pytest.mark.parametrize("inside", ["", "mine"])
def test_an_archive_is_unpacked(site: Site, tmp_path: Path, inside: str) -> None:
    site.files["models/mine.tar.gz"] = packed = tar_gz(write(tmp_path / "own"), inside)
    digest = hashlib.sha256(packed).hexdigest()
    place = Mirror(f"{site.url}/models/mine.tar.gz", tmp_path / "cache", sha256=digest).fetch()
    assert (place.name, contents(place)) == ("mine", FILES)
    # Once more, as after a restart: what was there gives way.
    site.files["models/mine.tar.gz"] = tar_gz(write(tmp_path / "new", {"saved_model.pb": b"newer"}), inside)
    assert contents(Mirror(f"{site.url}/models/mine.tar.gz", tmp_path / "cache").fetch()) == {
        "saved_model.pb": b"newer"
    }


def test_an_archive_may_hold_numbered_versions_or_be_a_zip(site: Site, tmp_path: Path) -> None:
    write(tmp_path / "own" / "3")
    shutil.make_archive(str(tmp_path / "mine"), "zip", tmp_path / "own")
    site.files["mine.zip"] = (tmp_path / "mine.zip").read_bytes()
    place = Mirror(f"{site.url}/mine.zip", tmp_path / "cache").fetch()
    assert contents(place / "3") == FILES


def test_a_single_file_is_copied(site: Site, tmp_path: Path) -> None:
    site.files["mine.keras"] = b"a model"
    place = Mirror(f"{site.url}/mine.keras", tmp_path).fetch()
    assert (place.name, place.read_bytes()) == ("mine.keras", b"a model")


def test_a_download_that_is_cut_off_is_refused_and_nothing_is_left(site: Site, tmp_path: Path) -> None:
    site.files["mine.keras"] = b"x" * 100_000
    site.cut_at = 5000
    with pytest.raises(ModelNotUsable, match=r"^model path http://127\.0\.0\.1:\d+/mine\.keras: ."):
        Mirror(f"{site.url}/mine.keras", tmp_path).fetch()
    assert contents(tmp_path) == {}


def test_an_archive_that_hashes_to_something_else_is_refused(site: Site, tmp_path: Path) -> None:
    site.files["mine.tgz"] = packed = tar_gz(write(tmp_path / "own"))
    with pytest.raises(ModelNotUsable, match=f"it hashes to {hashlib.sha256(packed).hexdigest()}, not to {'a' * 64}"):
        Mirror(f"{site.url}/mine.tgz", tmp_path / "cache", sha256="a" * 64).fetch()
    assert contents(tmp_path / "cache") == {}


def test_an_archive_cannot_write_outside_of_its_folder(site: Site, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("../../../evil")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))
    site.files["evil.tar"] = buffer.getvalue()
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as members:
        members.writestr("../../../evil", "evil")
    site.files["evil.zip"] = zipped.getvalue()
    for name in ("evil.tar", "evil.zip"):
        with pytest.raises(ModelNotUsable, match="would write outside of its folder"):
            Mirror(f"{site.url}/{name}", tmp_path / "a" / "b" / "c").fetch()
    assert list(tmp_path.rglob("*evil*")) == []


def test_a_broken_archive_is_refused(site: Site, tmp_path: Path) -> None:
    site.files |= {"broken.tar.gz": b"no archive", "broken.zip": b"no archive"}
    for name in ("broken.tar.gz", "broken.zip"):
        with pytest.raises(ModelNotUsable, match=rf"{name}: the archive {name} is broken"):
            Mirror(f"{site.url}/{name}", tmp_path).fetch()


def test_a_file_that_is_not_there_is_told(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ModelNotUsable, match=r"nothing\.tar\.gz: "):
        Mirror(f"{site.url}/nothing.tar.gz", tmp_path).fetch()


@pytest.mark.parametrize("wrong", ["missing", "cut", "broken"])
def test_the_query_of_a_signed_url_is_shown_nowhere(site: Site, tmp_path: Path, wrong: str) -> None:
    query = "X-Amz-Signature=hushhush&b=1"
    if wrong != "missing":
        site.files[f"mine.tar.gz?{query}"] = b"x" * 100_000
    site.cut_at = 5000 if wrong == "cut" else None
    with pytest.raises(ModelNotUsable, match=r"^model path http://127\.0\.0\.1:\d+/mine\.tar\.gz: ") as refusal:
        Mirror(f"{site.url}/mine.tar.gz?{query}", tmp_path).fetch()
    assert "hush" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_where_there_is_no_room_that_is_told(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.files["mine.tar.gz"] = tar_gz(write(tmp_path / "own"))

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extractall", full)
    with pytest.raises(ModelNotUsable, match="No space left on device"):
        Mirror(f"{site.url}/mine.tar.gz", tmp_path / "cache").fetch()
    assert contents(tmp_path / "cache") == {}


def test_a_service_without_its_library_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ModelNotUsable, match=r"pip install 'streamrank\[s3\]', \[gcs\] or \[azure\]"):
        Mirror("gs://bucket/model", tmp_path).fetch()


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "Access Denied"), OSError(errno.ENOSPC, "full")])
def test_what_is_wanted_beside_and_cannot_be_copied_does_not_stop_the_start(
    error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        write(tmp_path / "store" / "mine" / str(number))
    download = remote._download

    def some(files: Any, path: str, file: Path, size: int | None) -> None:
        if "/mine/2/" in path:
            raise error
        download(files, path, file, size)

    monkeypatch.setattr(remote, "_download", some)
    mirror = Mirror(f"file://{tmp_path}/store/mine", tmp_path / "cache", beside=[2])
    assert [each.name for each in mirror.fetch().iterdir()] == ["1"]
    with pytest.raises(ModelNotUsable):
        mirror.sync(serving=1)
