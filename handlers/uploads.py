"""Files over HTTP.

In: multipart/form-data (RFC 7578) with exactly one part, named "file", as wx.uploadFile sends it. Out: as a download.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from tornado.httputil import HTTPFile, HTTPInputError, ParseMultipartConfig, parse_multipart_form_data

from handlers.base import Call
from handlers.routing import Raw
from kernel.errors import InvalidInput
from services.files.model import EXTENSIONS, StoredFile

FIELD = "file"
# More than one, so that a second part is named in the error instead of "malformed".
_CONFIG = ParseMultipartConfig(max_parts=20)
# RFC 2046, 5.1.1.
_MAX_BOUNDARY = 70


@dataclass(frozen=True)
class Upload:
    """``name``: what the sender calls the file, as sent: for nothing but to be shown, made harmless."""

    name: str
    data: bytes


def one_file(call: Call) -> Upload:
    """The file of a request. Raises InvalidInput with field and reason."""
    boundary = _boundary(call.request.headers.get("Content-Type", ""))
    values: dict[str, list[bytes]] = {}
    files: dict[str, list[HTTPFile]] = {}
    try:
        parse_multipart_form_data(boundary, call.body, values, files, config=_CONFIG)
    except (HTTPInputError, ValueError, LookupError) as error:
        # ValueError: headers that are not UTF-8; LookupError: an encoding of the file's name that nobody knows.
        raise _wrong(FIELD, "not multipart/form-data as RFC 7578 describes") from error
    others = sorted(name for name in (*values, *files) if name != FIELD)
    if others:
        raise _wrong(others[0][:100], "unknown part")
    if FIELD in values:
        raise _wrong(FIELD, "the part has no filename")
    found = files.get(FIELD, [])
    if not found:
        raise _wrong(FIELD, "missing")
    if len(found) > 1:
        raise _wrong(FIELD, "given more than once")
    return Upload(found[0]["filename"], found[0]["body"])


def file_answer(file: StoredFile, data: bytes) -> Raw:
    """What somebody else made is never shown as a page of ours: saved, of the type that its content has, sandboxed."""
    ascii_name = file.id + EXTENSIONS[file.content_type][0]
    headers = {
        # RFC 6266: browsers take the second, which may be Chinese.
        "Content-Disposition": f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(file.name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return Raw(data, file.content_type.value, headers)


def _boundary(content_type: str) -> bytes:
    kind, _, rest = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        raise _wrong("Content-Type", "multipart/form-data expected")
    for parameter in rest.split(";"):
        name, _, value = parameter.strip().partition("=")
        value = value.strip().strip('"')
        if name.strip().lower() == "boundary" and 0 < len(value) <= _MAX_BOUNDARY and value.isascii():
            return value.encode()
    raise _wrong("Content-Type", "no boundary")


def _wrong(field: str, reason: str) -> InvalidInput:
    return InvalidInput(detail="上传的内容有误，请一次选择一个文件重新上传。", field=field, reason=reason)
