"""What a request carries, typed: header values, JSON body, query string. Whatever is wrong is refused by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from kernel.errors import Code, InvalidInput


def bearer_token(header: str | None) -> str:
    return header[7:].strip() if header and header[:7].lower() == "bearer " else ""


def idempotency_key(header: str | None) -> str | None:
    if header is None:
        return None
    key = header.strip().strip('"')
    if not 8 <= len(key) <= 64 or not key.isascii() or not key.isprintable():
        raise InvalidInput(field="Idempotency-Key", reason="8 to 64 printable ASCII characters")
    return key


def in_background(header: str | None) -> bool:
    """Whether a screen asks by itself (X-Background: 1), with nobody at it. Raises InvalidInput for another value."""
    if header not in (None, "1"):
        raise InvalidInput(field="X-Background", reason="1, or not at all")
    return header is not None


def decode_body(body: bytes, type_: Any) -> Any:
    """The typed request. Raises InvalidInput that names the field ($.path) and says what is wrong with it."""
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `")
        raise InvalidInput(field=path.rstrip("`") or _unknown_field(reason), reason=reason) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput(Code.INVALID_JSON, field="$", reason="not JSON") from None


def _unknown_field(reason: str) -> str:
    """msgspec names an unknown or missing field of the outermost object in its sentence, not in a path."""
    quoted = reason.split("`")
    return f"$.{quoted[1]}" if len(quoted) > 1 and "field" in reason else "$"


def decode_query(arguments: Mapping[str, list[bytes]], type_: Any) -> Any:
    """The typed query string; a repeated or unknown name is refused by name."""
    values: dict[str, str] = {}
    for name, given in arguments.items():
        if len(given) > 1:
            raise InvalidInput(field=name, reason="given more than once")
        try:
            values[name] = given[0].decode()
        except UnicodeDecodeError:
            raise InvalidInput(field=name, reason="not UTF-8") from None
    try:
        return msgspec.convert(values, cast(Any, type_), strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `")
        name = path.rstrip("`") or _unknown_field(reason)
        raise InvalidInput(field=name.removeprefix("$."), reason=reason) from None
