"""Binance's limits, with room left for others behind the same address."""

from services.exchanges.exchange import Limits

LIMITS = Limits(
    # 5 a second, our pongs included: four control messages leave room for one.
    control_interval_s=0.3,
    control_max_bytes=4_000,
    # 300 per 5 minutes and address.
    connects=240,
    connects_period_s=300.0,
    connects_at_once=30,
    # 6,000 a minute and address, of which ours use 3,000 together: the last of it is room for requests that are under
    # way elsewhere, and for what cannot wait while the background has used its share.
    urgent_weight=2_900,
    background_weight=2_700,
    trades_per_page=1_000,
)
