"""Bearer tokens: the caller keeps the token, we keep its SHA-256."""

from __future__ import annotations

import hashlib
import re

# What kernel.ids.Ids.token makes; anything else is turned away without asking a store.
_TOKEN = re.compile(r"[0-9a-f]{64}")


def token_hash(token: str) -> str | None:
    """The name under which a token's session is stored; None for what cannot be a token.

    One plain SHA-256: a token has 256 random bits, there is nothing to guess that a slow hash would protect.
    """
    return hashlib.sha256(token.encode()).hexdigest() if _TOKEN.fullmatch(token) else None
