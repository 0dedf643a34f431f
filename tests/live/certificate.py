"""A certificate made for a test."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def made_certificate(folder: Path) -> Path:
    """Key and certificate of hooks.example.org, signed by itself (and alone in ``pair.pem.crt``)."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: no certificate can be made")
    path = folder / "pair.pem"
    command = [
        *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-nodes", "-days", "2", "-subj", "/CN=hooks.example.org", "-keyout", str(path)),
        *("-addext", "subjectAltName=DNS:hooks.example.org", "-out", f"{path}.crt"),
    ]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"LC_ALL": "C"})  # noqa: S603
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path
