"""The cookies of a session: names, attributes and values, for the client of one request.

Two kinds of client are served. A program gets the cookie `refreshToken` and the tokens in the body, as the REST
contract has it. A browser (it sends `Origin` or `Sec-Fetch-Site`) gets the refresh token in its cookie alone, under a
name that ends in the port of the page, because browsers send a host's cookies to all of its ports; over HTTPS the name
begins with `__Host-`, which keeps other hosts of the domain from setting it. The contract's name is read from either.
"""

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from services.common.errors import UnauthenticatedError
from services.common.signing import Signer

REFRESH = "refreshToken"
"""The refresh token. The Go original writes it percent-encoded."""
OWNER = "refreshTokenOwner"
"""The user id of a refresh token of the Go original, which needs it and does not check it: so it is signed."""
DEVICES = "deviceTokens"
"""What an earlier login gave this browser to be recognized by (docs/adr/0031)."""
PATH = "/v1"

DEVICES_MAX_AGE_S = 400 * 24 * 3600
"""The longest that browsers keep a cookie."""
MAX_VALUE_CHARACTERS = 4096

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Page:
    """Where a request comes from, and what cookies can do there."""

    browser: bool
    encrypted: bool
    secure: bool
    """Whether cookies are for encrypted connections alone."""
    port: str
    """`-8443`; empty for the scheme's own."""

    @property
    def keeps_cookies(self) -> bool:
        """Whether a browser stores the cookies that it gets."""
        return self.encrypted or not self.secure


def page_of(connection: HTTPConnection, origins: Collection[str], *, allow_insecure: bool) -> Page:
    """The page behind a request: by `Origin` if that is one of `origins` (ours), else by the host that was asked.

    Cookies are Secure everywhere but on localhost over plain HTTP, and with `allow_insecure` also not on plain HTTP
    origins that are named in `origins`.
    """
    headers = connection.headers
    origin = headers.get("origin")
    if origin not in origins:
        host = connection.url.netloc
        encrypted = connection.url.scheme in ("https", "wss") or f"https://{host}" in origins
        origin = f"{'https' if encrypted else 'http'}://{host}"
    parts = urlsplit(str(origin))
    insecure = parts.hostname in _LOCAL_HOSTS or (allow_insecure and origin in origins)
    return Page(
        browser="origin" in headers or "sec-fetch-site" in headers,
        encrypted=parts.scheme == "https",
        secure=parts.scheme == "https" or not insecure,
        port=_port(parts.netloc),
    )


def is_plain_and_remote(origin: str) -> bool:
    """Whether browsers store no Secure cookie of this origin."""
    parts = urlsplit(origin)
    return parts.scheme == "http" and parts.hostname not in _LOCAL_HOSTS


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of one request, and those of its answer."""

    sent: dict[str, str]
    page: Page
    signer: Signer
    max_age_s: int

    @property
    def refresh_token(self) -> str | None:
        """The refresh token; text that can be none (gRPC would refuse to carry it) counts as missing."""
        return self._read(REFRESH)

    def require_refresh_token(self) -> str:
        """The refresh token. Raises UnauthenticatedError."""
        if self.refresh_token is None:
            raise UnauthenticatedError("missing_refresh_token", f"The {REFRESH} cookie is missing. Log in first.")
        return self.refresh_token

    @property
    def owner(self) -> int | None:
        """The user id that was kept beside this refresh token."""
        user_id, _, signature = (self._read(OWNER) or "").partition(".")
        if user_id.isdecimal() and self.signer.is_signature(_owned(user_id, self.refresh_token), signature):
            return int(user_id)
        return None

    @property
    def devices(self) -> str:
        """The device tokens; empty if there are none."""
        return self._read(DEVICES) or ""

    def set_refresh_token(self, response: Response, token: str, owner: int | None) -> None:
        """Give the client its refresh token, and its owner's id where the authorization service will ask for it."""
        self._set(response, REFRESH, token, self.max_age_s)
        if owner is not None:
            user_id = str(owner)
            self._set(response, OWNER, f"{user_id}.{self.signer.sign(_owned(user_id, token))}", self.max_age_s)

    def rename(self, response: Response) -> None:
        """Drop the cookie of the contract's name after its token was taken: the browser has the session's own now."""
        if self._came_by_contract_name:
            self._delete(response, REFRESH)

    def set_devices(self, response: Response, devices: str) -> None:
        """Give a browser its device tokens. A program is known by its address alone, as ever."""
        if self.page.browser and devices:
            self._set(response, DEVICES, devices, DEVICES_MAX_AGE_S)

    def clear(self, response: Response) -> None:
        """Take the session away. The device stays known."""
        names = {self._name(REFRESH), *({REFRESH} if self._came_by_contract_name else ())}
        if self._read(OWNER) is not None:
            names.add(self._name(OWNER))
        for name in sorted(names):
            self._delete(response, name)

    @property
    def _came_by_contract_name(self) -> bool:
        """Whether a browser has this session under the contract's name: by an earlier version, or the Go original."""
        return self.page.browser and self._source(REFRESH) == REFRESH != self._name(REFRESH)

    def _name(self, base: str) -> str:
        if not self.page.browser:
            return base
        return f"{'__Host-' if self.page.secure else ''}{base}{self.page.port}"

    def _source(self, base: str) -> str | None:
        """The name under which it was sent; a browser's own first."""
        names = (f"__Host-{base}{self.page.port}", f"{base}{self.page.port}", base)
        return next((name for name in names if name in self.sent), None)

    def _read(self, base: str) -> str | None:
        value = unquote(self.sent.get(self._source(base) or "", ""))
        usable = value and value.isascii() and value.isprintable() and len(value) <= MAX_VALUE_CHARACTERS
        return value if usable else None

    def _set(self, response: Response, base: str, value: str, max_age_s: int) -> None:
        name = self._name(base)
        response.set_cookie(
            name, value, max_age_s, path=_path(name), httponly=True, samesite="strict", secure=self.page.secure
        )

    def _delete(self, response: Response, name: str) -> None:
        response.delete_cookie(name, path=_path(name), httponly=True, samesite="strict", secure=self.page.secure)


def _path(name: str) -> str:
    """`__Host-` is for cookies of a whole host (RFC 6265bis, 4.1.3.2)."""
    return "/" if name.startswith("__Host-") else PATH


def _owned(user_id: str, token: str | None) -> str:
    return f"{user_id}\0{token or ''}"


def _port(netloc: str) -> str:
    port = netloc.rpartition(":")[2]
    return f"-{port}" if port.isdecimal() and len(port) <= 5 and ":" in netloc else ""
