/**
 * Market data on the held coins, beyond their live price: the price of 24 h ago, and when the current one was
 * last confirmed. Requested every few seconds while the page is visible; without it only the change column is empty.
 */
import { untrack } from 'svelte';

import { get } from '../api/client';
import { clock } from '../lib/clock.svelte';
import { add, decimal, multiply, percent, subtract, ZERO, type Decimal } from '../lib/decimal';
import type { Num } from '../lib/json';
import { directory } from '../market/directory.svelte';
import { portfolio, type Holding } from './portfolio.svelte';

const EVERY_MS = 10_000;
/** Without an answer for so long, an open is no longer that of 24 h ago. */
const KEPT_MS = 60_000;
const MOST_PER_REQUEST = 200;

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

  /** Percent since 24 h ago, by the live price. */
  change(holding: Holding): Decimal | null {
    const open = this.open(holding.symbol);
    if (open === null || holding.price === null) return null;
    const before = decimal(open);
    return percent(subtract(decimal(holding.price), before), before, 4);
  }

  /** What all of them together gained since, and in percent; null until every one with a price has an open. */
  gain(holdings: readonly Holding[]): { readonly amount: Decimal; readonly percent: Decimal } | null {
    let now = ZERO;
    let before = ZERO;
    for (const holding of holdings) {
      if (holding.total === null) continue;
      const open = this.open(holding.symbol);
      if (open === null) return null;
      now = add(now, decimal(holding.total));
      before = add(before, multiply(decimal(holding.quantity), decimal(open)));
    }
    const amount = subtract(now, before);
    const inPercent = percent(amount, before, 4);
    return inPercent === null ? null : { amount, percent: inPercent };
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
    const bySymbol = new Map(holdings.map((holding) => [holding.symbol, holding]));
    const symbols = [...bySymbol.keys()];
    const opens = new Map(this.#opens);
    try {
      for (let start = 0; start < symbols.length; start += MOST_PER_REQUEST) {
        const query = { symbols: symbols.slice(start, start + MOST_PER_REQUEST).join(',') };
        const { source, prices } = await get('/v1/market/prices', { query, signal });
        directory.learn(prices);
        const receivedAt = clock.read();
        for (const { symbol, price, event_time, open_24h } of prices) {
          if (source === portfolio.source) bySymbol.get(symbol)?.confirm(price, Number(event_time));
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

export const day = new Day();
