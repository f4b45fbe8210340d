"""The built web app, read into memory whole: what is not in the directory at that moment cannot be asked for.

Paths are keys of a mapping and never touch the file system, so no path can leave the directory. The build writes a
gzip and a brotli twin beside each file that gains by it; they are kept as other forms of the same file.
"""

import hashlib
import mimetypes
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_BUNDLE_BYTES = 32 * 1024 * 1024
"""A larger directory is not our bundle, but one that WEB_DIR names by mistake."""

ENCODINGS = {".br": "br", ".gz": "gzip"}
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""Not left to the machine's own table, which may lack them or differ."""

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


class BundleError(Exception):
    """There is no usable bundle in the directory; the text gives the reason."""


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of the bundle. `forms` by content encoding, "identity" always among them."""

    media_type: str
    etag: str
    forms: Mapping[str, bytes]
    immutable: bool


@dataclass(frozen=True, slots=True)
class Bundle:
    """Files by URL path (`/assets/app-C0ffee.js`); the page itself is `/`."""

    files: Mapping[str, BundleFile]
    content_security_policy: str


def load_bundle(directory: Path) -> Bundle:
    """Read the bundle in `directory`. Raises BundleError, OSError."""
    contents = _contents(directory)
    if "/index.html" not in contents:
        raise BundleError(f"there is no index.html in {directory}")
    files = {
        path: _file(path, content, contents)
        for path, content in contents.items()
        if not (path.endswith(tuple(ENCODINGS)) and path.rpartition(".")[0] in contents)
    }
    page = contents["/index.html"].decode()
    files["/"] = files.pop("/index.html")
    return Bundle(files, content_security_policy(page))


def content_security_policy(page: str) -> str:
    """The policy for `page`: its own inline scripts by their hashes, else nothing but what this origin serves."""
    hashes = "".join(f" 'sha256-{_digest(script)}'" for script in _INLINE_SCRIPT.findall(page))
    return (
        f"default-src 'none'; script-src 'self'{hashes}; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def choose_form(file: BundleFile, accept_encoding: str) -> tuple[str, bytes]:
    """The smallest form of `file` that the client takes (RFC 9110 section 12.5.3), and its encoding."""
    accepted = _accepted(accept_encoding)
    for encoding in ENCODINGS.values():
        if encoding in file.forms and accepted.get(encoding, accepted.get("*", 0.0)) > 0:
            return encoding, file.forms[encoding]
    return "identity", file.forms["identity"]


def _accepted(header: str) -> dict[str, float]:
    weights = {}
    for part in header.split(","):
        name, _, parameter = part.partition(";")
        weight = parameter.strip().removeprefix("q=")
        try:
            weights[name.strip().lower()] = float(weight) if weight else 1.0
        except ValueError:
            continue  # a preference that cannot be read is none
    return weights


def _contents(directory: Path) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    room = MAX_BUNDLE_BYTES
    for path in sorted(directory.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        room -= path.stat().st_size
        if room < 0:
            raise BundleError(f"{directory} holds more than {MAX_BUNDLE_BYTES} bytes")
        contents[f"/{path.relative_to(directory).as_posix()}"] = path.read_bytes()
    return contents


def _file(path: str, content: bytes, contents: Mapping[str, bytes]) -> BundleFile:
    twins = {encoding: contents[path + suffix] for suffix, encoding in ENCODINGS.items() if path + suffix in contents}
    suffix = Path(path).suffix
    media_type = MEDIA_TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    etag = hashlib.sha256(content).hexdigest()[:32]
    return BundleFile(media_type, etag, {"identity": content, **twins}, immutable=path.startswith("/assets/"))


def _digest(script: str) -> str:
    return b64encode(hashlib.sha256(script.encode()).digest()).decode()
