"""The second factor: time-based one-time passwords (RFC 6238) and recovery codes, as arithmetic. No state, no I/O.

SHA-1, six digits and steps of 30 seconds are what every authenticator app understands (RFC 6238, 1.2; apps ignore other
values silently). GB/T 22239-2019, 8.1.4.1 d) asks for two kinds of proof, one of them by cryptography.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from kernel.ids import ALPHABET, Ids

STEP_SECONDS: Final = 30
DIGITS: Final = 6
# RFC 6238, 5.2: at most one step of drift each way.
DRIFT: Final = 1
# RFC 4226, 4: 160 bits.
SECRET_BYTES: Final = 20
ISSUER: Final = "Banshi"

RECOVERY_CODES: Final = 10
# 16 characters of 5 bits: not to be found by trying, so a plain SHA-256 protects them.
_RECOVERY_LENGTH: Final = 16
_FORGIVEN: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def new_secret(ids: Ids) -> bytes:
    return bytes.fromhex(ids.token())[:SECRET_BYTES]


def to_text(secret: bytes) -> str:
    """Base 32, as it is typed into an authenticator app that cannot read the QR code."""
    return base64.b32encode(secret).decode()


def from_text(text: str) -> bytes:
    return base64.b32decode(text)


def uri(secret: bytes, username: str) -> str:
    """What the QR code holds (Key URI format of authenticator apps)."""
    return _totp(secret).get_provisioning_uri(username, ISSUER)


def step_at(instant: datetime) -> int:
    """The number of the 30-second step, counted from 1970."""
    return int(instant.timestamp()) // STEP_SECONDS


def code_at(secret: bytes, step: int) -> str:
    return _totp(secret).generate(step * STEP_SECONDS).decode()


def step_of(secret: bytes, code: str, now: datetime) -> int | None:
    """The step whose code this is, within the drift; None when it is the code of none of them."""
    given = code.strip().replace(" ", "").encode()
    here = step_at(now)
    found = None
    # All steps are computed and compared, so that the time taken tells nothing.
    for step in range(here - DRIFT, here + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), given):
            found = step
    return found


def looks_like_totp(code: str) -> bool:
    digits = code.strip().replace(" ", "")
    return len(digits) == DIGITS and digits.isascii() and digits.isdecimal()


def new_recovery_codes(ids: Ids) -> list[str]:
    """Ten codes to print, each good once: "7K3M-9Q2X-VB41-TZ0C"."""
    return [_recovery_code(int(ids.token(), 16)) for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> str:
    """What is stored of a recovery code, forgiving case, spaces, hyphens and O/0, I/1, L/1."""
    return hashlib.sha256(code.strip().upper().translate(_FORGIVEN).encode()).hexdigest()


def _recovery_code(number: int) -> str:
    text = "".join(ALPHABET[(number >> 5 * place) & 31] for place in range(_RECOVERY_LENGTH))
    return "-".join(text[start : start + 4] for start in range(0, _RECOVERY_LENGTH, 4))


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303
