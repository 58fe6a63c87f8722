"""Certificates for the tests, made by the `openssl` command: an authority, and what it signs."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_EXTENSIONS = {
    "CA": ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"],
    "leaf": ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"],
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM form: a certificate and its private key."""

    certfile: Path
    keyfile: Path

    @property
    def both(self) -> str:
        """The text of key and certificate, as Kafka wants it in one file."""
        return self.keyfile.read_text() + self.certfile.read_text()

    def encrypted(self, password: str) -> Path:
        """A copy of the private key that needs *password*."""
        copy = self.keyfile.with_suffix(".encrypted")
        _openssl("pkey", "-in", str(self.keyfile), "-aes256", "-passout", f"pass:{password}", "-out", str(copy))
        return copy


class Authority:
    """A certificate authority with its files in *folder*, good for two days.

    Args:
        folder: is made where it is missing.
        name: the authority's own, and the prefix of its files.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._name = name
        self._config = folder / "openssl.cnf"
        self._config.write_text("[req]\ndistinguished_name = dn\n[dn]\n")
        self._own = self._make(name, _EXTENSIONS["CA"])

    @property
    def certfile(self) -> Path:
        """What those who trust this authority are given."""
        return self._own.certfile

    def issue(self, name: str, *hosts: str) -> Certificate:
        """Sign a certificate for *name*, which may call itself any of *hosts* (`DNS:localhost`, `IP:127.0.0.1`)."""
        names = [f"subjectAltName={','.join(hosts)}"] if hosts else []
        signed_by = ["-CA", str(self._own.certfile), "-CAkey", str(self._own.keyfile)]
        return self._make(name, [*_EXTENSIONS["leaf"], *names], signed_by)

    def _make(self, name: str, extensions: list[str], signed_by: list[str] | None = None) -> Certificate:
        made = Certificate(self._folder / f"{self._name}-{name}.pem", self._folder / f"{self._name}-{name}.key")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(made.keyfile)]
        identifiers = ["subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"]
        added = [word for extension in [*extensions, *identifiers] for word in ("-addext", extension)]
        about = ["-config", str(self._config), "-subj", f"/CN={name}", "-days", "2", "-out", str(made.certfile)]
        _openssl("req", "-x509", *key, *about, *added, *(signed_by or []))
        return made


def _openssl(*arguments: str) -> None:
    if not shutil.which("openssl") and os.environ.get("REQUIRE_KAFKA") != "1":
        pytest.skip("no `openssl` on the PATH, which makes the certificates")
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed:\n{done.stderr}")
