"""The residents' pages in a browser: the H5 build of the mini-program, served from memory.

The folder is read once at start. A request only ever looks a name up among what was read, so no path can leave it.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers.base import BaseHandler, Frame
from kernel.errors import BanshiError, Code

INDEX = "index.html"
# The build puts a hash of the content into the names of these: the same name never has another content.
HASHED = "assets/"
# Text of at least so many bytes is worth compressing.
WORTH_COMPRESSING = 1024
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
# No script but our own files, no other host. Styles: uni-app sets them on elements. blob and data: pictures that the
# resident takes, and the check-in code, which is read with the session's token.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class File:
    """One file of the build. ``compressed`` is None where that would save nothing."""

    body: bytes
    compressed: bytes | None
    content_type: str
    etag: str
    cache: str


def read_folder(folder: Path) -> dict[str, File]:
    """All files of a build by their path in it ("assets/index-1a2b.js"); {} when there is no build."""
    if not (folder / INDEX).is_file():
        return {}
    root = folder.resolve()
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.resolve().is_relative_to(root))
    return {path.relative_to(root).as_posix(): _read(path, path.relative_to(root).as_posix()) for path in files}


def _read(path: Path, name: str) -> File:
    body = path.read_bytes()
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    is_text = kind.startswith("text/") or kind in ("image/svg+xml", "application/json")
    compressed = gzip.compress(body, 9, mtime=0) if is_text and len(body) >= WORTH_COMPRESSING else None
    return File(
        body=body,
        compressed=compressed,
        content_type=f"{kind}; charset=utf-8" if is_text else kind,
        etag=f'"{hashlib.sha256(body).hexdigest()[:20]}"',
        cache="public, max-age=31536000, immutable" if name.startswith(HASHED) else "no-cache",
    )


class Pages(BaseHandler):
    """GET and HEAD of one file; "/" is the index. Open to anyone: the pages hold nobody's data."""

    SUPPORTED_METHODS = ("GET", "HEAD")
    policy = CONTENT_SECURITY_POLICY

    def initialize(self, frame: Frame, files: Mapping[str, File]) -> None:  # type: ignore[override]
        super().initialize(frame)
        self.files = files

    def get(self, name: str) -> None:
        file = self.files.get(name or INDEX)
        if file is None:
            self.answer_error(BanshiError(Code.NOT_FOUND))
            return
        self.set_header("Cache-Control", file.cache)
        self.set_header("Etag", file.etag)
        self.set_header("Vary", "Accept-Encoding")
        self.set_header("Content-Security-Policy", self.policy)
        if file.etag in self.request.headers.get("If-None-Match", ""):
            self.set_status(304)
            self.finish()
            return
        self.set_header("Content-Type", file.content_type)
        body = file.body
        if file.compressed is not None and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            body = file.compressed
        self.finish(body)

    head = get

    def compute_etag(self) -> str | None:
        return None


def rule(frame: Frame, files: Mapping[str, File]) -> tuple[str, type[Pages], dict[str, Any]]:
    """For the application: only what a build holds at its top, so that an unknown /api path stays a ROUTE_NOT_FOUND."""
    return (r"/(|index\.html|(?:assets|static)/.+)", Pages, {"frame": frame, "files": files})
