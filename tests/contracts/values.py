"""Values that go from one process to another, as the writers may have them."""

from decimal import Decimal

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from services.market.events import MiniTicker
from services.market.symbols import Listing, normal_symbol

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
"""No assertion depends on the speed of the machine."""
over_a_connection = settings(relaxed, max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])
"""For properties whose every example goes over a real connection. A failure is reported as found: to make it smaller
takes minutes."""

NOW_MS = 1_767_225_600_000

symbols = st.from_regex(r"[\w.-]{1,20}", fullmatch=True).filter(
    lambda text: normal_symbol(text) == normal_symbol(text.upper()) == text
)
"""As we write them: in lower case, from what the exchange writes in upper case."""
decimals = st.decimals(0, Decimal("99999999999999999999"), places=18).map(lambda number: format(number, "f"))
prices = decimals.filter(lambda text: Decimal(text) > 0)
times_ms = st.integers(NOW_MS - 86_400_000, NOW_MS)
sources = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,31}", fullmatch=True)
user_ids = st.integers(1, 2**63 - 1)
listings = st.builds(Listing, symbols, *[st.text(max_size=8)] * 3)


@st.composite
def tickers(draw: st.DrawFn, symbol: str = "") -> MiniTicker:
    name = symbol or draw(symbols)
    figures = (draw(decimals) for _ in range(5))
    return MiniTicker(draw(times_ms), name.upper(), draw(prices), *figures)
