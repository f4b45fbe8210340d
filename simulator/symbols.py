"""What is traded: names, assets, tick and step sizes, prices and trade rates of the size that Binance has them.

Prices are rounded figures of the mid-2020s, frozen here; they only have to be plausible.
"""

from dataclasses import dataclass

from simulator.decimals import ONE, scaled

_TYPICAL_TRADE_USDT = 400
_BUSIEST_TRADES_PER_S = 15.0

_PRICE_LIST = """
BTC 68000 ETH 2600 SOL 160 币安人生 0.12 XRP 0.52 BNB 590 DOGE 0.12 PEPE 0.0000091 ADA 0.35 TRX 0.16
AVAX 27 SHIB 0.0000174 LINK 11.2 TON 5.1 SUI 1.9 DOT 4.2 NEAR 4.6 LTC 70 BCH 350 UNI 7.4 APT 8.9
ICP 7.9 FET 1.4 ETC 18.6 XLM 0.094 FIL 3.7 RENDER 5.3 ARB 0.55 OP 1.6 INJ 20.4 HBAR 0.054 ATOM 4.4
TAO 560 VET 0.022 IMX 1.5 WIF 2.4 STX 1.8 GRT 0.17 AAVE 150 MKR 1250 SEI 0.42 RUNE 5.2 FLOKI 0.00013
ALGO 0.12 BONK 0.000022 TIA 5.6 JUP 0.8 LDO 1.1 ENA 0.37 PYTH 0.36 ORDI 35 QNT 66 FLOW 0.55 EGLD 26
AXS 4.8 SAND 0.26 MANA 0.29 EOS 0.48 XTZ 0.68 THETA 1.3 GALA 0.022 CHZ 0.069 NEO 10.2 CRV 0.27
SNX 1.5 COMP 46 ZEC 38 DASH 25 1INCH 0.27 ENJ 0.15 KSM 18 ZIL 0.014 BAT 0.17 IOTA 0.13 QTUM 2.4
WAVES 1.1 ONT 0.19 ICX 0.13 SUSHI 0.71 YFI 5100 EUR 1.08
"""
_WORDS = _PRICE_LIST.split()
USDT_PRICES = {base: scaled(price) for base, price in zip(_WORDS[::2], _WORDS[1::2], strict=True)}

_QUOTES = {
    "USDT": ONE,
    "FDUSD": ONE,
    "BTC": USDT_PRICES["BTC"],
    "ETH": USDT_PRICES["ETH"],
    "EUR": 108_000_000,
    "TRY": 2_900_000,
}
_PRICE_DIGITS = {"BTC": 6, "ETH": 5}
_HALTED = "WAVES"
_FIAT = "EUR"
"""Traded for USDT, and else a quote itself."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """One market. `price`, `tick`, `typical_quantity` and `step` are scaled by 10^8."""

    name: str
    base: str
    quote: str
    status: str
    price: int
    tick: int
    typical_quantity: int
    step: int
    trades_per_s: float


def catalogue(count: int) -> tuple[Symbol, ...]:
    """The first `count` symbols, the busiest first. Raises ValueError when more are asked for than there are."""
    pairs = [
        (base, quote)
        for quote in _QUOTES
        for base in USDT_PRICES
        if base != quote and (base != _FIAT or quote == "USDT")
    ]
    if count > len(pairs):
        raise ValueError(f"at most {len(pairs)} symbols are known")
    return tuple(_symbol(base, quote, rank) for rank, (base, quote) in enumerate(pairs[:count], start=1))


def _symbol(base: str, quote: str, rank: int) -> Symbol:
    price = USDT_PRICES[base] * ONE // _QUOTES[quote]
    typical_quantity = _TYPICAL_TRADE_USDT * ONE * ONE // USDT_PRICES[base]
    tick = _power_of_ten_below(price, _PRICE_DIGITS.get(base, 4))
    step = min(_power_of_ten_below(typical_quantity, 2), ONE)
    halted = base == _HALTED
    return Symbol(
        name=base + quote,
        base=base,
        quote=quote,
        status="BREAK" if halted else "TRADING",
        price=max(price // tick * tick, tick),
        tick=tick,
        typical_quantity=typical_quantity // step * step,
        step=step,
        trades_per_s=0.0 if halted else _BUSIEST_TRADES_PER_S / rank,
    )


def _power_of_ten_below(value: int, digits: int) -> int:
    """The power of ten that leaves `value` about `digits` significant digits; at least one unit of the scale."""
    return int(10 ** max(len(str(value)) - 1 - digits, 0))
