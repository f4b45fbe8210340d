"""What the person at the terminal sees: one line per event, prefixed, aligned, coloured; and the same in files."""

import logging
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from rich.console import Console as RichConsole
from rich.text import Text

LAUNCHER = "launcher"
NAME_WIDTH = 16
LOG_MAX_BYTES = 5_000_000
"""Of one log file; one older file is kept beside it."""
COLOURS = ("cyan", "green", "magenta", "blue", "yellow", "bright_cyan", "bright_green", "bright_magenta")


class _Terminal(RichConsole):
    def on_broken_pipe(self) -> None:
        """Fall silent, where rich would end the process."""
        self.quiet = True


class _LogFile(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Lose the line, where logging would write a page to the terminal: the disk is full, or the file gone."""


@dataclass(slots=True)
class Console:
    """Lines to the terminal, and to one bounded file per component below `logs`.

    A terminal that went away (`make run | head`, a closed window) ends the printing, never the launcher.
    """

    logs: Path
    stream: TextIO = field(default_factory=lambda: sys.stdout)
    width: int = NAME_WIDTH
    rich: RichConsole = field(init=False)
    _colours: dict[str, str] = field(default_factory=lambda: {LAUNCHER: "bold"})
    _files: dict[str, RotatingFileHandler] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rich = _Terminal(file=self.stream, highlight=False, soft_wrap=True)

    def introduce(self, *names: str) -> None:
        """Align and colour the lines of these components from now on."""
        fresh = cycle(COLOURS[(len(self._colours) - 1) % len(COLOURS) :] + COLOURS)
        self._colours |= {name: next(fresh) for name in names if name not in self._colours}
        self.width = max(self.width, *map(len, names))

    def report(self, text: str, style: str = "") -> None:
        """The launcher's own words; each line of `text` gets the prefix."""
        for line in text.splitlines():
            self.line(LAUNCHER, line, style)

    def line(self, name: str, text: str, style: str = "") -> None:
        """One line of `name`, as it is: nothing in it is taken for markup."""
        self._file(name).emit(logging.makeLogRecord({"msg": text}))
        self.print(Text.assemble((f"{name:<{self.width}} │ ", self._colours.get(name, "")), (text, style)))

    def print(self, renderable: object = "") -> None:
        """To the terminal alone."""
        try:
            self.rich.print(renderable)
        except OSError:
            self.rich.quiet = True

    def close(self) -> None:
        for handler in self._files.values():
            with suppress(OSError):
                handler.close()

    def _file(self, name: str) -> RotatingFileHandler:
        if name not in self._files:
            file = self.logs / f"{name}.log"
            self._files[name] = _LogFile(
                file, maxBytes=LOG_MAX_BYTES, backupCount=1, encoding="utf-8", delay=True, errors="replace"
            )
        return self._files[name]
