"""What may become of one JSON object on its way: for properties about the others beside it."""

from typing import Any

from hypothesis import strategies as st

_anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def mutations(entry: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Another value in place of `entry`, or `entry` with a key changed, lost or added."""
    names = st.sampled_from(sorted(entry))
    changed = st.builds(lambda name, value: {**entry, name: value}, names, _anything)
    lost = names.map(lambda name: {key: value for key, value in entry.items() if key != name})
    added = st.builds(lambda name, value: {name: value, **entry}, st.text(max_size=5), _anything)
    return _anything | changed | lost | added
