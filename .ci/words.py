"""Check of the repository's words: conversational verbs and pronouns that technical English has better terms for.

`python .ci/words.py` lists each use as `path:line: word` and exits with 1 if there is one; `--count` prints the number
of uses per 10,000 words instead. Names count as well as prose: `told_symbols` and `isNobody` are split into words.
"""

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BETTER = {
    "tell": "report, publish, send, notify",
    "say": "state, name, report, log",
    "nobody": "no one, none, no client, nothing",
    "somebody": "a person, a client, a user",
    "everybody": "all clients, every user",
    "whoever": "the person who, any client that",
    "whatever": "anything that, all that, any",
}
FORMS = {"tells": "tell", "told": "tell", "telling": "tell", "says": "say", "said": "say", "saying": "say"} | {
    word: word for word in BETTER
}
CHECKED = re.compile(r"\.(py|md|ts|mjs|js|svelte|sh|css|html|sql|proto|yaml|yml|toml|xml)$|Makefile$|Dockerfile$")
SKIPPED = re.compile(r"_pb2|/migrations/|schema\.d\.ts|package-lock|requirements\.lock|compose-spec\.json|^LICENSE")
GENERATED = re.compile(r"\.|(node_modules|dist.*|htmlcov|sbom|secrets)$")
"""Directories of packages, builds and caches."""
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
ALLOWED = re.compile(r"words: as specified|\"nobody\"|`nobody`|nobody:")
"""A line that quotes a contract, or names the Unix account."""


def main() -> int:
    uses: Counter[str] = Counter()
    total = 0
    for path in _checked_files():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            words = [word.lower() for word in WORD.findall(line)]
            total += len(words)
            for found in words if not ALLOWED.search(line) else ():
                if base := FORMS.get(found):
                    uses[base] += 1
                    if "--count" not in sys.argv:
                        sys.stdout.write(f"{path.relative_to(ROOT)}:{number}: {found}; better: {BETTER[base]}\n")
    if "--count" in sys.argv:
        per_ten_thousand = " · ".join(f"{word} {uses[word]} ({uses[word] * 10_000 / total:.1f})" for word in BETTER)
        sys.stdout.write(f"{total} words, uses (per 10,000): {per_ten_thousand}\n")
        return 0
    return 1 if uses else 0


def _checked_files() -> Iterator[Path]:
    for directory, below, names in os.walk(ROOT):
        below[:] = sorted(name for name in below if not GENERATED.match(name))
        for path in sorted(Path(directory, name) for name in names):
            relative = path.relative_to(ROOT).as_posix()
            if CHECKED.search(relative) and not SKIPPED.search(relative):
                yield path


if __name__ == "__main__":
    sys.exit(main())
