"""Who follows what: leases, permanent follows, and their bounds."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.aggregator import followers as module
from services.aggregator.errors import FollowersFullError, TooManySymbolsError
from services.aggregator.followers import LEASE_S, Follow, Followers

ids = st.integers(1, 4)
symbols = st.sampled_from(["a", "b", "c", "d"])


class FollowersAgainstModel(RuleBasedStateMachine):
    """Two plain dictionaries are the model of what should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.followers = Followers()
        self.now_s = 0.0
        self.permanent: dict[int, set[str]] = {}
        self.leases: dict[int, tuple[set[str], float]] = {}

    @rule(number=ids, symbol=symbols)
    def follow(self, number: int, symbol: str) -> None:
        self.followers.follow(Follow(number, symbol))
        self.permanent.setdefault(number, set()).add(symbol)

    @rule(number=ids, symbol=symbols)
    def unfollow(self, number: int, symbol: str) -> None:
        self.followers.unfollow(Follow(number, symbol))
        self.permanent.get(number, set()).discard(symbol)
        self.leases.get(number, (set[str](), 0))[0].discard(symbol)

    @rule(number=ids, wanted=st.sets(symbols))
    def lease(self, number: int, wanted: set[str]) -> None:
        self.followers.lease(number, wanted, self.now_s)
        self.leases[number] = (set(wanted), self.now_s + LEASE_S)

    @rule(number=ids)
    def drop_permanent(self, number: int) -> None:
        self.followers.drop_permanent(number, self.followers.permanent(number))
        self.permanent.pop(number, None)

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.followers.expire(self.now_s)
        self.leases = {number: lease for number, lease in self.leases.items() if lease[1] > self.now_s}

    @invariant()
    def the_wanted_set_is_the_union(self) -> None:
        leased = [held for held, _ in self.leases.values()]
        assert self.followers.wanted == frozenset().union(*self.permanent.values(), *leased)

    @invariant()
    def the_permanent_follows_are_those_not_taken_back(self) -> None:
        expected = {Follow(number, symbol) for number, held in self.permanent.items() for symbol in held}
        assert set(self.followers.permanent_follows()) == expected


TestFollowersAgainstModel = FollowersAgainstModel.TestCase
TestFollowersAgainstModel.settings = settings(max_examples=30, stateful_step_count=30)


def test_a_lease_ends_at_its_time_and_not_before() -> None:
    followers = Followers()
    followers.lease(1, ["btcusdt"], now_s=100.0)
    assert (followers.expire(100.0 + LEASE_S - 0.001), followers.wanted) == (0, frozenset({"btcusdt"}))
    assert (followers.expire(100.0 + LEASE_S), followers.wanted) == (1, frozenset())
    assert followers.holdings == {}


def test_what_joins_a_lease_renews_it_and_ends_with_it() -> None:
    followers = Followers()
    followers.lease(1, ["btcusdt"], now_s=100.0)
    followers.lease_also(Follow(1, "ethusdt"), now_s=101.0)
    assert (followers.expire(100.0 + LEASE_S), followers.wanted) == (0, frozenset({"btcusdt", "ethusdt"}))
    assert (followers.expire(101.0 + LEASE_S), followers.wanted) == (1, frozenset())


def test_a_symbol_is_wanted_until_its_last_follower_goes() -> None:
    followers = Followers()
    followers.follow(Follow(1, "btcusdt"))
    followers.lease(2, ["btcusdt"], now_s=0.0)
    followers.unfollow(Follow(1, "btcusdt"))
    assert followers.wanted == {"btcusdt"}
    followers.lease(2, [], now_s=1.0)
    assert followers.wanted == frozenset()


def test_one_follower_may_hold_only_so_many_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SYMBOLS_PER_FOLLOWER", 2)
    followers = Followers()
    followers.lease(1, ["a", "b"], now_s=0.0)
    with pytest.raises(TooManySymbolsError):
        followers.follow(Follow(1, "c"))
    with pytest.raises(TooManySymbolsError):
        followers.lease(1, ["c", "d", "e"], now_s=0.0)
    assert followers.wanted == {"a", "b"}


def test_there_may_be_only_so_many_followers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FOLLOWERS", 1)
    followers = Followers()
    followers.follow(Follow(1, "a"))
    with pytest.raises(FollowersFullError):
        followers.follow(Follow(2, "a"))
    followers.follow(Follow(1, "b"))
    followers.lease(2, [], now_s=0.0)


def test_there_may_be_only_so_many_follows_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FOLLOWS", 3)
    followers = Followers()
    followers.lease(1, ["a", "b"], now_s=0.0)
    with pytest.raises(FollowersFullError):
        followers.lease(2, ["a", "b"], now_s=0.0)
    followers.lease(1, ["c", "d", "e"], now_s=0.0)
    assert followers.wanted == {"c", "d", "e"}
