"""Signatures for values that a client keeps and brings back."""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

SIGNATURE_BYTES = 16
SIGNATURE_CHARACTERS = 22


@dataclass(frozen=True, slots=True)
class Signer:
    """HMAC-SHA256, cut to 128 bits, under keys that serve other purposes too: `purpose` keeps signatures apart.

    The first of `keys` signs; all of them verify, so that a key can be replaced.
    """

    keys: tuple[str, ...]
    purpose: str

    def sign(self, text: str) -> str:
        """The signature of `text`: `SIGNATURE_CHARACTERS` characters of URL-safe base64."""
        return self._signature(self.keys[0], text)

    def is_signature(self, text: str, signature: str) -> bool:
        """Whether `signature` is one of `text`, by any of the keys. Takes the same time for every wrong one."""
        matches = [hmac.compare_digest(self._signature(key, text).encode(), signature.encode()) for key in self.keys]
        return any(matches)

    def _signature(self, key: str, text: str) -> str:
        digest = hmac.new(key.encode(), f"{self.purpose}\0{text}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).rstrip(b"=").decode()


def signing_order(keys: dict[str, str], active_kid: str | None = None) -> tuple[str, ...]:
    """The secrets of `keys`, that of `active_kid` first; without one, in the order in which they were added."""
    ordered: Iterable[str] = sorted(keys, key=lambda kid: kid != active_kid)
    return tuple(keys[kid] for kid in ordered)
