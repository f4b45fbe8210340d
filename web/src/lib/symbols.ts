/** A symbol's two halves, and how they are shown: `btcusdt` is BTC priced in USDT. */

/** Longest first, so that `usdt` is not taken for a base that ends in `usd` and a `t`. */
const QUOTES = ['fdusd', 'usdt', 'usdc', 'tusd', 'busd', 'usd1', 'eur', 'try', 'brl', 'jpy', 'btc', 'eth', 'bnb', 'usd'];

export interface Pair {
  readonly base: string;
  /** Empty where it cannot be told. */
  readonly quote: string;
}

export function pairOf(symbol: string): Pair {
  const lower = symbol.toLowerCase();
  const quote = QUOTES.find((one) => lower.endsWith(one) && lower.length > one.length) ?? '';
  return { base: lower.slice(0, lower.length - quote.length).toUpperCase(), quote: quote.toUpperCase() };
}

/** What each of these symbols is called among them: its base, with the quote where another one has the same base. */
export function namesOf(symbols: readonly string[]): ReadonlyMap<string, string> {
  const counts = new Map<string, number>();
  for (const { base } of symbols.map(pairOf)) counts.set(base, (counts.get(base) ?? 0) + 1);
  return new Map(
    symbols.map((symbol) => {
      const { base, quote } = pairOf(symbol);
      return [symbol, quote === '' || counts.get(base) === 1 ? base : `${base}/${quote}`];
    }),
  );
}
