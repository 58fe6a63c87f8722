"""A copy on this machine of a model, or of a folder of versions, that lies elsewhere."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import fsspec

from models.archive import SUFFIXES, unpack
from models.errors import ModelNotUsable
from models.fingerprint import read_contents
from models.versions import LATEST

_FILES = (".keras", ".tflite")
_GRAPHS = ("saved_model.pb", "saved_model.pbtxt")
_KEPT = 2
_BLOCK = 1 << 20

Listing = Mapping[str, tuple[int, str]]
"""Of each file, by its path below a folder: its size in bytes, and what changes with its content."""


@dataclass(frozen=True, slots=True)
class _Version:
    folder: str
    listing: Listing


class Mirror:
    """Keeps a copy of what lies at a URL.

    Whatever is copied is complete and checked before it is shown in its place. Credentials are those that the libraries
    of each service look for in the environment.

    Args:
        url: of a SavedModel's folder, of a folder of numbered ones, of an archive of either, or of a single file.
        cache: a folder of this machine, for the copies of all URLs.
        version: `latest` or the number of a version.
        beside: versions that are wanted too; none of them is the latest.
        sha256: what the archive or the file hashes to, in hexadecimal; of a folder its fingerprint; None: anything.
    """

    def __init__(
        self,
        url: str,
        cache: Path,
        *,
        version: str = LATEST,
        beside: Collection[int] = (),
        sha256: str | None = None,
    ) -> None:
        self.url = url
        # A query may be a signature, with which anybody may read what lies there.
        self._shown, _, self._query = url.partition("?")
        self._version = version
        self._others = frozenset(beside)
        self._sha256 = sha256
        self._name = url.split("?", maxsplit=1)[0].rstrip("/").rsplit("/", 1)[-1]
        self._place = cache / hashlib.sha256(self._shown.encode()).hexdigest()[:16]
        self._shelf = self._place / "versions" / self._name
        self._before: dict[int, _Version] = {}
        # What could not be copied is not asked for again before it changes.
        self._failed: dict[int, _Version] = {}
        self._store: tuple[Any, str] | None = None

    def fetch(self) -> Path:
        """Copy what is there now, and return where it can be loaded from.

        Raises:
            ModelNotUsable: it cannot be had, is cut off, does not hash to what it should, or there is no room for it.
        """
        with self._naming():
            files, folder = self._open()
            if self._name.endswith((*SUFFIXES, *_FILES)):
                return self._fetch_file(files, folder)
            listing = _listing(files, folder)
            if any(name in listing for name in _GRAPHS):
                return self._show(files, folder, listing, self._place / "model" / self._name)
            self._before = versions = _versions(listing)
            if not versions:
                raise ModelNotUsable("it holds neither a saved_model.pb nor numbered version folders")
            there = ", ".join(map(str, sorted(versions)))
            if not (serving := self._to_serve(versions)):
                beside = ", ".join(map(str, sorted(self._others)))
                raise ModelNotUsable(f"it has no version to serve beside {beside}; there are: {there}")
            if (number := max(serving)) not in versions:
                raise ModelNotUsable(f"it has no version {number}; there are: {there}")
            self._show_version(files, folder, number)
            for other in self._others.intersection(versions):
                with suppress(Exception):  # whatever it is, the version that serves goes on, and the next look tells
                    self._show_version(files, folder, other)
            return self._shelf

    def sync(self, *, serving: int | None = None, refused: Collection[int] = ()) -> None:
        """Drop versions that are gone or old, and copy those that are wanted once two looks agree about their files.

        That is the newest acceptable one, and what is wanted beside it.

        Args:
            serving: the version that is kept as long as it is there.
            refused: versions that are not wanted as they are here.

        Raises:
            ModelNotUsable: as `fetch`.
        """
        if not self._before:
            return  # it has no versions
        with self._naming():
            files, folder = self._open()
            versions = _versions(_listing(files, folder))
            complete = [number for number, version in versions.items() if self._before.get(number) == version]
            self._before = versions or self._before
            self._drop(versions, {serving, *self._others})
            self._failed = {number: old for number, old in self._failed.items() if versions.get(number) == old}
            # What was refused is copied again only when it is not what the copy was made of.
            good = {
                number
                for number in complete
                if number not in self._failed and not (number in refused and self._is_copied(number))
            }
            newest = sorted(self._to_serve(good) & good)[-1:]
            for number in (*newest, *(self._others & good)):
                try:
                    self._show_version(files, folder, number)
                except BaseException:
                    self._failed[number] = versions[number]
                    raise
            self._drop(versions, {serving, *newest, *self._others})

    def _to_serve(self, versions: Iterable[int]) -> set[int]:
        """Which of *versions* may be the one that serves; of a pinned one nobody asks whether it is there."""
        return set(versions) - self._others if self._version == LATEST else {int(self._version)}

    def _drop(self, versions: Collection[int], needed: Collection[int | None]) -> None:
        here = sorted(int(each.name) for each in self._shelf.iterdir() if each.name.isdecimal())
        for number in here:
            if number not in versions or (number not in here[-_KEPT:] and number not in needed):
                shutil.rmtree(self._shelf / str(number), ignore_errors=True)

    def _open(self) -> tuple[Any, str]:
        if self._store is None:
            # One of our own: what fsspec keeps for all goes by the URL, not by what the environment says.
            files, path = fsspec.core.url_to_fs(self.url, skip_instance_cache=True)
            self._store = files, path.rstrip("/")
        self._store[0].invalidate_cache()
        return self._store

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # every service has its own errors
            if isinstance(error, ImportError):
                reason = f"{error}; pip install 'streamrank[s3]', [gcs] or [azure]"
            elif isinstance(error, OSError) and error.errno:
                reason = os.strerror(error.errno)
            else:
                reason = str(error) or type(error).__name__
            if self._query:
                reason = reason.replace(self._query, "***")
            # Without the cause, which would show the whole URL.
            raise ModelNotUsable(f"model path {self._shown}: {reason}") from None

    def _note(self, number: int) -> tuple[Path, str]:
        """Where it is noted what the copy of a version is a copy of, and what stands there if it is as it is now."""
        # A version may have been listed before all of it was there.
        return self._place / "listings" / f"{number}.json", json.dumps([self._before[number].listing, self._sha256])

    def _is_copied(self, number: int) -> bool:
        note, wanted = self._note(number)
        return note.is_file() and note.read_text("utf-8") == wanted

    def _show_version(self, files: Any, folder: str, number: int) -> None:
        version, place = self._before[number], self._shelf / str(number)
        if place.is_dir() and self._is_copied(number):
            return
        self._show(files, f"{folder}/{version.folder}", version.listing, place)
        note, wanted = self._note(number)
        note.parent.mkdir(exist_ok=True)
        note.write_text(wanted, "utf-8")

    def _show(self, files: Any, folder: str, listing: Listing, place: Path) -> Path:
        """Copy the files of a folder, check them, and show them at *place*."""
        with self._beside() as beside:
            for name, (size, _) in listing.items():
                _download(files, f"{folder}/{name}", beside / "files" / name, size)
            self._check(lambda: read_contents(beside / "files").fingerprint.removeprefix("sha256:"))
            return _shown(beside / "files", place)

    def _fetch_file(self, files: Any, path: str) -> Path:
        with self._beside() as beside:
            file = beside / "file" / self._name
            _download(files, path, file, files.info(path).get("size"))
            self._check(lambda: _sha256(file))
            if self._name.endswith(_FILES):
                return _shown(file, self._place / "file" / self._name)
            unpack(file, self._name, beside / "unpacked")
            suffix = next(suffix for suffix in SUFFIXES if self._name.endswith(suffix))
            return _shown(_content(beside / "unpacked"), self._place / "unpacked" / self._name.removesuffix(suffix))

    @contextmanager
    def _beside(self) -> Iterator[Path]:
        self._place.mkdir(parents=True, exist_ok=True)
        beside = Path(mkdtemp(dir=self._place, prefix=".new-"))
        try:
            yield beside
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _check(self, found: Callable[[], str]) -> None:
        if self._sha256 is not None and (digest := found()) != self._sha256:
            raise ModelNotUsable(f"it hashes to {digest}, not to {self._sha256}")


def _listing(files: Any, folder: str) -> Listing:
    """All files below *folder*."""
    found = files.find(folder, detail=True)
    names = {path: path.removeprefix(folder).lstrip("/") for path in found}
    if strays := [name for name in names.values() if ".." in name.split("/")]:
        raise ModelNotUsable(f"a name would lead out of its folder: {strays[0]}")
    # Stores of objects have no times that change with nothing else, and file systems no checksums.
    return {
        names[path]: (
            int(about["size"]),
            str(about.get("ETag") or about.get("etag") or about.get("md5Hash") or about.get("mtime") or ""),
        )
        for path, about in sorted(found.items())
        if path != folder and not path.endswith("/")
    }


def _versions(listing: Listing) -> dict[int, _Version]:
    """The SavedModels in numbered folders."""
    folders: dict[str, dict[str, tuple[int, str]]] = {}
    for path, about in listing.items():
        folder, _, rest = path.partition("/")
        if rest and folder.isascii() and folder.isdecimal():
            folders.setdefault(folder, {})[rest] = about
    return {
        int(name): _Version(name, files)
        for name, files in folders.items()
        if any(graph in files for graph in _GRAPHS) or any(file.endswith(_FILES) for file in files)
    }


def _download(files: Any, path: str, file: Path, size: int | None) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    files.get_file(path, str(file))
    if size is not None and file.stat().st_size != size:
        raise ModelNotUsable(f"it was cut off: {file.stat().st_size} of {size} bytes came")


def _shown(new: Path, place: Path) -> Path:
    """Move *new* to *place*, in the stead of what may be there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        old = place.with_name(f".old-{place.name}")
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
        new.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    else:
        new.replace(place)
    return place


def _content(unpacked: Path) -> Path:
    """What an archive holds: many are of one folder, which has the rest in it."""
    inside = list(unpacked.iterdir())
    alone = len(inside) == 1 and inside[0].is_dir() and not inside[0].name.isdecimal()
    return inside[0] if alone else unpacked


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
