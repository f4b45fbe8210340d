"""Syntax of account names, and the key by which two names are the same.

A name is kept as it was written, in Unicode's normal form C, and compared by its key. The key is Unicode's
compatibility caseless form (The Unicode Standard, 3.13, D146) without the default-ignorable characters, so that case,
width, ligatures and invisible characters make no new name. Look-alikes of different scripts (Latin and Cyrillic `a`)
stay different.
"""

import unicodedata

from services.authorization.errors import InvalidNameError

MAX_CHARACTERS = 64
"""In normal form C."""

_IGNORABLE_RANGES = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xE0100, 0xE01EF),
)
"""The default-ignorable characters that count as printable; the others are control or format characters."""

_IGNORABLE = dict.fromkeys(code for first, last in _IGNORABLE_RANGES for code in range(first, last + 1))


def normal_name(name: str) -> str:
    """The form in which a name is kept: composed, so that an accent makes the same name however it was typed."""
    return unicodedata.normalize("NFC", name)


def name_key(name: str) -> str:
    """The key of a well-formed `name`. Raises `InvalidNameError`.

    Characters are Unicode code points. Printable means: no control, format, surrogate, private or unassigned
    character, and no separator but the plain space. Blanks at the ends are refused rather than cut: what was
    registered is exactly what is shown.
    """
    name = normal_name(name)
    if not 1 <= len(name) <= MAX_CHARACTERS or not name.isprintable() or name != name.strip():
        raise InvalidNameError
    key = _caseless(name.translate(_IGNORABLE))
    if not key.strip():
        raise InvalidNameError
    return key


def lookup_key(name: str) -> str:
    """The key to look for at a login: of a malformed name one that no account has, since keys hold no control."""
    try:
        return name_key(name)
    except InvalidNameError:
        return "\x01" + name[:MAX_CHARACTERS].replace("\0", "")


def _caseless(text: str) -> str:
    folded = unicodedata.normalize("NFD", text).casefold()
    folded = unicodedata.normalize("NFKD", folded).casefold()
    return unicodedata.normalize("NFKC", folded)
