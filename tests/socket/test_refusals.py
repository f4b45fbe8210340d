"""Which symbols are asked for when the exchange refuses some of them."""

from collections.abc import Set

from hypothesis import given
from hypothesis import strategies as st

from services.socket.refusals import MAX_RETRY_S, RETRY_S, Refusals

symbols = st.frozensets(st.integers(0, 60).map("s{}".format), min_size=1, max_size=60)


def subscribe_all(refusals: Refusals, wanted: Set[str], bad: Set[str], now_s: float = 0.0) -> tuple[set[str], int]:
    """Ask an exchange that refuses `bad` for `wanted`, until nothing is left to ask for; what it sends then, and the
    number of messages."""
    asked, messages = set[str](), 0
    while missing := refusals.askable(wanted, now_s) - asked:
        group = frozenset(refusals.next_group(missing))
        assert group
        assert group <= missing
        messages += 1
        if group & bad:
            refusals.refused(group, "Invalid request", now_s)
        else:
            asked |= group
            refusals.accepted(group)
    return asked, messages


@given(symbols, st.data())
def test_exactly_the_refused_symbols_go_without(wanted: frozenset[str], data: st.DataObject) -> None:
    bad = data.draw(st.frozensets(st.sampled_from(sorted(wanted)), max_size=5))
    named: list[str] = []
    refusals = Refusals(lambda symbol, reason, delay_s: named.append(symbol))
    asked, messages = subscribe_all(refusals, wanted, bad)
    assert asked == wanted - bad
    assert refusals.set_aside == bad
    assert sorted(named) == sorted(bad)
    halvings = len(wanted).bit_length()
    assert messages <= 1 + 2 * len(bad) * (halvings + 1)
    again, messages = subscribe_all(refusals, wanted, bad)
    assert again == asked, "another connection"
    assert messages <= 1, "without asking for what is set aside"


def test_what_is_beyond_suspicion_is_asked_for_first() -> None:
    refusals = Refusals()
    refusals.refused(frozenset("abcd"), "", 0.0)
    assert refusals.next_group({*"abcdxy"}) == {"x", "y"}
    assert refusals.next_group({*"abcd"}) == {"a", "b"}
    refusals.accepted(frozenset("ab"))
    assert refusals.next_group({*"abcd"}) == {"a", "b"}, "accepted before: beyond suspicion now"
    assert refusals.next_group({*"cd"}) == {"c", "d"}


def test_a_refused_symbol_is_asked_for_again_after_a_delay_that_doubles_to_a_bound() -> None:
    refusals, now_s, delays = Refusals(), 0.0, list[float]()
    for _ in range(8):
        refusals.refused(frozenset({"a"}), "", now_s)
        assert not refusals.askable({"a"}, now_s)
        due_s = refusals.next_attempt_s({"a", "b"})
        assert due_s is not None
        assert refusals.askable({"a"}, due_s) == {"a"}
        delays.append(due_s - now_s)
        now_s = due_s
    assert delays == [min(RETRY_S * 2**n, MAX_RETRY_S) for n in range(8)]


def test_one_that_is_accepted_again_releases_all_others() -> None:
    refusals, wanted = Refusals(), frozenset("abcdefgh")
    asked, _ = subscribe_all(refusals, wanted, wanted)
    assert (asked, refusals.set_aside) == (set(), wanted)
    asked, messages = subscribe_all(refusals, wanted, frozenset("h"), now_s=RETRY_S)
    assert asked == wanted - {"h"}
    assert refusals.set_aside == {"h"}
    assert messages <= 2 * len(wanted).bit_length()


def test_what_is_released_is_asked_for_at_once() -> None:
    refusals = Refusals()
    refusals.refused(frozenset("a"), "", 0.0)
    refusals.refused(frozenset("b"), "", 50.0)
    assert refusals.askable({"a", "b"}, RETRY_S) == {"a"}
    refusals.accepted(frozenset("a"))
    assert refusals.askable({"a", "b"}, RETRY_S) == {"a", "b"}


def test_silence_is_taken_for_a_refusal_only_when_it_lasts() -> None:
    refusals = Refusals()
    refusals.unanswered(frozenset("ab"), 0.0)
    assert refusals.next_group({"a", "b"}) == {"a", "b"}
    refusals.unanswered(frozenset("ab"), 0.0)
    assert refusals.next_group({"a", "b"}) == {"a"}
    for _ in range(7):
        refusals.unanswered(frozenset("a"), 0.0)
    assert not refusals.set_aside
    refusals.unanswered(frozenset("a"), 0.0)
    assert refusals.set_aside == {"a"}


def test_an_answer_in_between_begins_the_count_of_silences_anew() -> None:
    refusals = Refusals()
    for _ in range(3):
        refusals.unanswered(frozenset("ab"), 0.0)
        refusals.accepted(frozenset("c"))
    assert refusals.next_group({"a", "b"}) == {"a", "b"}


def test_silence_that_was_taken_for_a_refusal_is_counted_anew() -> None:
    refusals = Refusals()
    for _ in range(8):
        refusals.unanswered(frozenset("a"), 0.0)
    assert refusals.next_attempt_s({"a"}) == RETRY_S
    refusals.unanswered(frozenset("a"), RETRY_S)
    assert refusals.next_attempt_s({"a"}) == RETRY_S, "one more silence is no refusal"


def test_the_time_of_what_is_not_wanted_here_does_not_count() -> None:
    refusals = Refusals()
    refusals.refused(frozenset("a"), "", 0.0)
    refusals.refused(frozenset("b"), "", 10.0)
    assert refusals.next_attempt_s({"b", "c"}) == 10.0 + RETRY_S
    assert refusals.next_attempt_s({"c"}) is None


def test_what_is_not_wanted_any_more_is_forgotten() -> None:
    refusals = Refusals()
    subscribe_all(refusals, frozenset("abc"), frozenset("b"))
    refusals.forget(frozenset("abc"))
    assert not refusals.set_aside
    assert refusals.next_attempt_s({"b"}) is None


def test_the_silences_of_ever_other_groups_take_bounded_memory() -> None:
    refusals = Refusals()
    for number in range(5_000):
        refusals.unanswered(frozenset({"a", str(number)}), 0.0)
    assert len(refusals._unanswered) <= 1_000
