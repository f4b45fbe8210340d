"""Device tokens: proof that a browser has logged in to an account before, which chooses the limit of its attempts.

OWASP's device cookies ("Slow Down Online Guessing Attacks with Device Cookies"). A token opens nothing. An attempt that
brings one of the account is counted under that token alone; all other attempts share the limits of strangers, and so
cannot keep out a device that is known. One browser holds a token for each account that was used there, the last used
first, at most `TOKENS_MAX` of them, joined by `SEPARATOR`.
"""

import re
import secrets
from dataclasses import dataclass

from services.common.signing import SIGNATURE_CHARACTERS, Signer

TOKENS_MAX = 8
SEPARATOR = "."
NONCE_BYTES = 16
NONCE_CHARACTERS = 22
TOKEN_CHARACTERS = NONCE_CHARACTERS + SIGNATURE_CHARACTERS

_TOKEN = re.compile(rf"[0-9A-Za-z_-]{{{TOKEN_CHARACTERS}}}")


@dataclass(frozen=True, slots=True)
class DeviceTokens:
    """Reads and issues device tokens."""

    signer: Signer

    def recognize(self, held: str, account_key: str) -> str | None:
        """The nonce of the token for the account in what a browser holds; None if there is none."""
        token = self._find(_split(held), account_key)
        return None if token is None else token[:NONCE_CHARACTERS]

    def renew(self, held: str, account_key: str) -> str:
        """What the browser is to hold after a login to the account. A token that it has stays as it is."""
        tokens = _split(held)
        own = self._find(tokens, account_key) or self._issue(account_key)
        others = [token for token in tokens if token != own]
        return SEPARATOR.join([own, *others][:TOKENS_MAX])

    def _issue(self, account_key: str) -> str:
        nonce = secrets.token_urlsafe(NONCE_BYTES)
        return nonce + self.signer.sign(f"{nonce}\0{account_key}")

    def _find(self, tokens: list[str], account_key: str) -> str | None:
        return next((token for token in tokens if self._belongs_to(token, account_key)), None)

    def _belongs_to(self, token: str, account_key: str) -> bool:
        nonce, signature = token[:NONCE_CHARACTERS], token[NONCE_CHARACTERS:]
        return self.signer.is_signature(f"{nonce}\0{account_key}", signature)


def _split(held: str) -> list[str]:
    """The well-formed tokens in `held`, at most `TOKENS_MAX`."""
    tokens = held[: TOKENS_MAX * (TOKEN_CHARACTERS + 1)].split(SEPARATOR)
    return [token for token in tokens if _TOKEN.fullmatch(token)][:TOKENS_MAX]
