"""Where a statement ends and its data begin. Pure; the engine's own parser has the last word on everything else."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""
    (?P<blank>\s+|--[^\n]*|\#[!\ ][^\n]*|/\*.*?\*/)
    |(?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<open>['"`]|/\*)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_AFTER_FORMAT = re.compile(rb"[ \t\f]*;?[ \t\f]*\r?\n?")
_NAMES_FOLLOW = {b"INTO", b"TABLE", b"FUNCTION", b"."}
_VALUES = re.compile(rb"\A(?:FORMAT\s+)?VALUES", re.I)
"""What stands before the rows, where these are part of the statement."""


@dataclass(frozen=True, slots=True)
class Statement:
    """`text` is the SQL; `format` its FORMAT clause, which begins at `format_at`.

    `data_at` is where the data of an INSERT begin; it is None for a statement without data.
    """

    text: bytes
    first_word: str
    format: str | None = None
    format_at: int | None = None
    data_at: int | None = None
    selects: bool = False
    settings_at: int | None = None
    """Where the SETTINGS clause of an INSERT with data begins."""
    names_file: bool = False
    """INTO OUTFILE or FROM INFILE: files are the client's business, where it has one."""

    @property
    def body(self) -> bytes:
        """The SQL before the FORMAT clause and its like."""
        return self.text[: self.format_at]

    @property
    def head(self) -> bytes:
        """The SQL without the data of an INSERT: what the engine's parser makes a tree of."""
        if self.first_word != "INSERT" or self.format is None:
            return self.text
        return b"%s\nFORMAT %s" % (self.body, self.format.encode())

    @property
    def values(self) -> bytes:
        """The expressions of an INSERT … VALUES that has no data behind it."""
        inline = self.first_word == "INSERT" and self.format == "Values" and self.data_at is None
        return _VALUES.sub(b"", self.text[self.format_at :]) if inline else b""

    def insert_from(self, path: str, more_settings: bytes = b"") -> bytes:
        """The INSERT with its data in a file. It knows no quotes in `path`. `more_settings`: `name = value, …`."""
        cut = self.format_at if self.settings_at is None else self.settings_at
        head, settings = self.text[:cut], self.text[cut : self.format_at]
        if more_settings:
            settings = b"%s\n%s %s" % (settings, b"," if self.settings_at else b"SETTINGS", more_settings)
        return b"%s\nFROM INFILE '%s' COMPRESSION 'none' %s\nFORMAT %s" % (
            head,
            path.encode(),
            settings,
            (self.format or "").encode(),
        )


class _Scan:
    """One pass over the tokens of a statement, as far as the beginning of its data."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.depth = 0
        self.first = b""
        self.previous = b""
        self.selects = False
        self.start: int | None = None
        """Where the word FORMAT was last seen, as a keyword."""
        self.format: str | None = None
        self.format_at: int | None = None
        self.settings_at: int | None = None
        self.names_file = False
        self.result: Statement | None = None

    def read(self) -> bool:
        """Read to the end of the text or of the statement. False when it ends within a quotation or a comment."""
        for token in _TOKEN.finditer(self.text):
            if token.lastgroup == "open":
                return False
            if token.lastgroup == "blank":
                continue
            self._take(token)
            if self.result:
                return True
        return True

    def _take(self, token: re.Match[bytes]) -> None:
        value = token.group()
        self.depth += (value == b"(") - (value == b")")
        word = value.upper() if token.lastgroup == "word" else value
        if word in (b"OUTFILE", b"INFILE"):
            self.names_file = True
        elif token.lastgroup == "word" and self.depth == 0 and self.previous not in _NAMES_FOLLOW:
            self._take_word(word, token)
        self.previous = word

    def _take_word(self, word: bytes, token: re.Match[bytes]) -> None:
        self.first = self.first or word
        if self.start is not None and self.previous == b"FORMAT":
            self._take_format(token)
        elif word in (b"SELECT", b"WITH"):
            self.selects = True
        elif word == b"SETTINGS" and self.first == b"INSERT":
            self.settings_at = token.start()
        elif word == b"FORMAT":
            self.start = token.start()
        elif word == b"VALUES" and self.first == b"INSERT" and not self.selects:
            self.result = self.statement("Values", token.start(), token.end())

    def _take_format(self, token: re.Match[bytes]) -> None:
        name = token.group().decode()
        if name.lower() == "values":  # the engine takes any case, and evaluates expressions in this format alone
            name = "Values"
        if self.first == b"INSERT" and not self.names_file:
            after = _AFTER_FORMAT.match(self.text, token.end())
            self.result = self.statement(name, self.start, after.end() if after else token.end())
        else:
            self.format, self.format_at = name, self.start

    def statement(self, name: str | None, format_at: int | None, data_at: int | None) -> Statement:
        first = self.first.decode()
        return Statement(self.text, first, name, format_at, data_at, self.selects, self.settings_at, self.names_file)


def find_statement(beginning: bytes) -> Statement | None:
    """The statement at the beginning of a body; None when more of the body is needed to find where its data begin.

    Data begin after `VALUES`, or after `FORMAT name`, the blanks behind it and at most one newline
    (ParserInsertQuery.cpp of ClickHouse), so that more than the name's last letter must be there to be sure.
    """
    scan = _Scan(beginning)
    scan.read()
    found = scan.result
    return found if found and found.data_at is not None and found.data_at < len(beginning) else None


def read_statement(text: bytes) -> Statement:
    """The statement in a whole body."""
    scan = _Scan(text)
    closed = scan.read()
    if scan.result:
        return scan.result
    return scan.statement(scan.format, scan.format_at, None) if closed else scan.statement(None, None, None)
