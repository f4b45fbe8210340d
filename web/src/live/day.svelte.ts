/**
 * The prices of 24 h ago: of the held coins, and of the pairs that convert them into the portfolio's currency.
 * Requested every few seconds while the page is visible; without them only the changes are not shown.
 */
import { untrack } from 'svelte';

import { get } from '../api/client';
import { clock } from '../lib/clock.svelte';
import { add, decimal, divide, multiply, percent, subtract, ZERO, type Decimal } from '../lib/decimal';
import type { Num } from '../lib/json';
import { directory } from '../market/directory.svelte';
import { portfolio, type Holding } from './portfolio.svelte';

const EVERY_MS = 10_000;
/** Without an answer for so long, an open is no longer that of 24 h ago. */
const KEPT_MS = 60_000;
const MOST_PER_REQUEST = 200;
const ONE = decimal('1');
/** Of a rate that is a quotient; what is shown has far fewer. */
const PLACES = 40;

interface Open {
  readonly price: Num;
  readonly source: string;
  /** ms: when it was received. */
  readonly receivedAt: number;
}

class Day {
  #opens: ReadonlyMap<string, Open> = $state.raw(new Map());

  /** The price of 24 h ago, if it comes from the same market as the live prices. */
  open(symbol: string): Num | null {
    const open = this.#opens.get(symbol);
    return open?.source === portfolio.source ? (open?.price ?? null) : null;
  }

  /** Percent since 24 h ago, by the live price: in the pair's quote, of an asset in the portfolio's currency. */
  change(holding: Holding): Decimal | null {
    const before = directory.isAsset(holding.symbol) ? this.#rate(directory.unit(holding.symbol)) : this.#open(holding.symbol);
    if (before === null || holding.price === null) return null;
    return percent(subtract(decimal(holding.price), before), before, 4);
  }

  /** What all that is in the total gained since, in its currency, and in percent; null where one's value of then is not known. */
  gain(holdings: readonly Holding[]): { readonly amount: Decimal; readonly percent: Decimal } | null {
    let now = ZERO;
    let before = ZERO;
    for (const holding of holdings) {
      if (holding.value === null) continue;
      const open = this.#open(holding.symbol);
      const rate = this.#rate(directory.unit(holding.symbol));
      if (open === null || rate === null) return null;
      now = add(now, decimal(holding.value));
      before = add(before, multiply(multiply(decimal(holding.quantity), open), rate));
    }
    const amount = subtract(now, before);
    const inPercent = percent(amount, before, 4);
    return inPercent === null ? null : { amount, percent: inPercent };
  }

  /** In its own unit. */
  #open(symbol: string): Decimal | null {
    if (directory.isAsset(symbol)) return ONE;
    const open = this.open(symbol);
    return open === null ? null : decimal(open);
  }

  /** What one of `unit` was worth in the portfolio's currency; null where a pair on the way there has no price of then. */
  #rate(unit: string): Decimal | null {
    const path = portfolio.path(unit);
    if (path === null) return null;
    let [dividend, divisor] = [ONE, ONE];
    for (const { symbol, backwards } of path) {
      const open = this.open(symbol);
      if (open === null) return null;
      if (backwards) divisor = multiply(divisor, decimal(open));
      else dividend = multiply(dividend, decimal(open));
    }
    return path.some(({ backwards }) => backwards) ? divide(dividend, divisor, PLACES) : dividend;
  }

  /** Keep asking about `holdings()` until the returned function is called. */
  watch(holdings: () => readonly Holding[]): () => void {
    const controller = new AbortController();
    const ask = (): void => {
      if (document.visibilityState !== 'visible') return;
      void directory.load();
      void this.#ask(holdings(), controller.signal);
    };
    untrack(() => this.#forgetOld());
    untrack(ask); // what is learned must not be a reason to ask again at once
    const timer = setInterval(ask, EVERY_MS);
    document.addEventListener('visibilitychange', ask, { signal: controller.signal });
    return () => {
      clearInterval(timer);
      controller.abort();
    };
  }

  async #ask(holdings: readonly Holding[], signal: AbortSignal): Promise<void> {
    const symbols = symbolsOf(holdings);
    const opens = new Map(this.#opens);
    try {
      for (let start = 0; start < symbols.length; start += MOST_PER_REQUEST) {
        const query = { symbols: symbols.slice(start, start + MOST_PER_REQUEST).join(',') };
        const { source, prices } = await get('/v1/market/prices', { query, signal });
        directory.learn(prices);
        const receivedAt = clock.read();
        for (const { symbol, open_24h } of prices) {
          if (open_24h === null) opens.delete(symbol);
          else opens.set(symbol, { price: open_24h, source, receivedAt });
        }
      }
      this.#opens = opens;
    } catch {
      this.#forgetOld(); // the next round asks again
    }
  }

  #forgetOld(): void {
    const kept = [...this.#opens].filter(([, { receivedAt }]) => clock.read() - receivedAt < KEPT_MS);
    if (kept.length < this.#opens.size) this.#opens = new Map(kept);
  }
}

/** The pairs among them, and those that convert them into the portfolio's currency. */
export function symbolsOf(holdings: readonly Holding[]): readonly string[] {
  const pairs = holdings.map(({ symbol }) => symbol).filter((symbol) => !directory.isAsset(symbol));
  const legs = holdings.flatMap(({ symbol }) => portfolio.path(directory.unit(symbol)) ?? []);
  return [...new Set([...pairs, ...legs.map(({ symbol }) => symbol)])];
}

export const day = new Day();
