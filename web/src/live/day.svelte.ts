/**
 * What the market says about the coins that are held, beyond their live price: where they stood 24 h ago, and when their price was
 * last confirmed. Asked for every few seconds while the page is seen; missing, it costs the change column, nothing else.
 */
import { untrack } from 'svelte';

import { get } from '../api/client';
import { add, decimal, multiply, percent, subtract, ZERO, type Decimal } from '../lib/decimal';
import type { Num } from '../lib/json';
import type { Holding } from './portfolio.svelte';

const EVERY_MS = 10_000;
const MOST_PER_REQUEST = 200;

class Day {
  #opens: ReadonlyMap<string, Num> = $state.raw(new Map());

  /** The price of 24 h ago, where the market tells it. */
  open(symbol: string): Num | null {
    return this.#opens.get(symbol) ?? null;
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
      if (document.visibilityState === 'visible') void this.#ask(holdings(), controller.signal);
    };
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
        const { prices } = await get('/v1/market/prices', { query, signal });
        for (const { symbol, price, event_time, open_24h } of prices) {
          bySymbol.get(symbol)?.confirm(price, Number(event_time));
          if (open_24h !== null) opens.set(symbol, open_24h);
        }
      }
      this.#opens = opens;
    } catch {
      // The column keeps what it has; the next round asks again.
    }
  }
}

export const day = new Day();
