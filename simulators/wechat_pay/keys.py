"""Key material of one simulated merchant, made at the first start and read again afterwards.

A folder holds ``merchant_key.pem`` (the merchant's private key, PKCS#8), ``platform_key.pem`` and
``platform_public_key.pem`` (WeChat Pay's pair) and ``keys.json`` (serials and the APIv3 key). All of it is worthless
outside the simulator, and is readable by its owner only all the same.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import string
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

MERCHANT_KEY, PLATFORM_KEY, PLATFORM_PUBLIC, REST = (
    "merchant_key.pem",
    "platform_key.pem",
    "platform_public_key.pem",
    "keys.json",
)


@dataclass(frozen=True)
class Keys:
    """PEM texts and serials. The merchant's side knows all but ``platform_private_key``."""

    merchant_serial: str
    merchant_private_key: str = field(repr=False)
    public_key_id: str
    public_key: str = field(repr=False)
    apiv3_key: str = field(repr=False)
    platform_private_key: str = field(repr=False)


def generate(folder: Path) -> Keys:
    """The keys in ``folder``, which is made with new ones when it is not there (about half a second).

    Several processes may do this at once: the folder appears complete or not at all. Raises OSError, and ValueError
    for a folder that is there and holds something else.
    """
    folder = Path(folder)
    if not (folder / REST).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _write(made)
            made.rename(folder)
        except OSError as error:
            # Another process was faster, and its keys are used; or something else is there, and reading it fails.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return load(folder)


def load(folder: Path) -> Keys:
    """The keys in ``folder``. Raises ValueError when they are not there."""
    try:
        rest = json.loads((folder / REST).read_text("utf-8"))
        return Keys(
            merchant_serial=rest["merchant_serial"],
            merchant_private_key=(folder / MERCHANT_KEY).read_text("ascii"),
            public_key_id=rest["public_key_id"],
            public_key=(folder / PLATFORM_PUBLIC).read_text("ascii"),
            apiv3_key=rest["apiv3_key"],
            platform_private_key=(folder / PLATFORM_KEY).read_text("ascii"),
        )
    except (FileNotFoundError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{folder} holds no keys of the WeChat Pay simulator") from error


def _write(folder: Path) -> None:
    merchant, platform = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    for name, key in ((MERCHANT_KEY, merchant), (PLATFORM_KEY, platform)):
        _private(folder / name, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = platform.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _private(folder / PLATFORM_PUBLIC, public)
    rest = {
        "merchant_serial": secrets.token_hex(20).upper(),
        "public_key_id": "PUB_KEY_ID_0" + "".join(secrets.choice(string.digits) for _ in range(31)),
        "apiv3_key": "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32)),
    }
    _private(folder / REST, json.dumps(rest, indent=1).encode())


def _private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
