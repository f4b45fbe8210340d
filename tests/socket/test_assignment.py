"""Which connection carries which symbol."""

from hypothesis import given
from hypothesis import strategies as st

from services.socket.assignment import Assignment

symbols = st.sets(st.integers(0, 30).map(str), max_size=25)


@given(st.lists(symbols, min_size=1, max_size=20), st.integers(1, 6), st.integers(1, 5))
def test_every_symbol_has_one_place_and_no_connection_too_many(
    wishes: list[set[str]], capacity: int, max_shards: int
) -> None:
    assignment = Assignment(capacity, max_shards, linger_s=0.0)
    for turn, wanted in enumerate(wishes):
        changes = assignment.update(wanted, float(turn))
        carried = [symbol for shard in assignment.shards for symbol in shard]
        assert len(carried) == len(set(carried))
        assert all(len(shard) <= capacity for shard in assignment.shards)
        assert len(assignment.shards) <= max_shards
        assert set(carried) == wanted - changes.refused
        assert not changes.refused or len(carried) == capacity * max_shards


def test_a_symbol_keeps_its_place_while_others_come_and_go() -> None:
    assignment = Assignment(capacity=2, max_shards=3, linger_s=0.0)
    assignment.update({"a", "b", "c"}, 0.0)
    place = next(index for index, shard in enumerate(assignment.shards) if "c" in shard)
    assignment.update({"c", "d"}, 1.0)
    assert "c" in assignment.shards[place]


def test_an_unwanted_symbol_lingers_and_a_change_of_mind_costs_nothing() -> None:
    assignment = Assignment(capacity=5, max_shards=1, linger_s=3.0)
    assert assignment.update({"a"}, 0.0).added == {"a"}
    assert assignment.update(set(), 1.0).removed == set()
    assert assignment.next_expiry_s() == 4.0
    back = assignment.update({"a"}, 2.0)
    assert not back.added | back.removed
    assert assignment.next_expiry_s() is None
    assignment.update(set(), 3.0)
    assert assignment.update(set(), 5.9).removed == set()
    assert assignment.update(set(), 6.0).removed == {"a"}


def test_refused_symbols_get_a_place_as_soon_as_there_is_one() -> None:
    assignment = Assignment(capacity=1, max_shards=1, linger_s=0.0)
    assert assignment.update({"a", "b"}, 0.0).refused == {"b"}
    changes = assignment.update({"b"}, 1.0)
    assert (changes.added, changes.removed) == (frozenset("b"), frozenset("a"))
    assert not changes.refused
