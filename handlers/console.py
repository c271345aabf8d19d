"""The staff console: the built single-page application under /console, from memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.base import Frame
from handlers.pages import INDEX, File, Pages

# Nothing but our own files and this API, nothing inline: Vue and Element Plus set styles through the DOM, which
# no policy forbids. data: is the QR code of the second factor, blob: files that staff look at, a PDF in a frame.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; frame-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class Console(Pages):
    """A path that names no file is a screen of the application: the index, whose router reads the address."""

    policy = CONTENT_SECURITY_POLICY

    def get(self, name: str | None) -> None:
        wanted = name or INDEX
        if wanted not in self.files and "." not in wanted.rsplit("/", 1)[-1]:
            wanted = INDEX
        # Nobody may lay the console under another page, or learn where a member of staff came from.
        self.set_header("X-Frame-Options", "DENY")
        self.set_header("Referrer-Policy", "no-referrer")
        super().get(wanted)

    head = get


def rule(frame: Frame, files: Mapping[str, File]) -> tuple[str, type[Console], dict[str, Any]]:
    return (r"/console(?:/(.*))?", Console, {"frame": frame, "files": files})
