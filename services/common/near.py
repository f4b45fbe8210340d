"""Near matches of a mistyped name, by Jaro-Winkler similarity."""

from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

MAX_NEAR = 5
_CUTOFF = 0.75


def near_matches(text: str, choices: Iterable[str]) -> list[str]:
    """Up to `MAX_NEAR` of `choices` that resemble `text`, best first. Costs about a microsecond for each choice."""
    found = process.extract(text, choices, scorer=JaroWinkler.similarity, limit=MAX_NEAR, score_cutoff=_CUTOFF)
    return [choice for choice, _, _ in found]
