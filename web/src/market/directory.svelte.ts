/**
 * The exchange's listing: which symbols there are, of which two assets, and whether they are traded.
 *
 * A symbol's text does not define its assets (`btcaeur` is BTC in AEUR): what is not listed is shown as it is.
 */
import { get } from '../api/client';
import type { Answer, ListedSymbol, Operation } from '../api/types';
import { clock } from '../lib/clock.svelte';

const EVERY_MS = 600_000;
/** After a failure, or while something that is shown is not in the listing. */
const AGAIN_MS = 30_000;
const PAGE = 5000;
/** Currencies that are offered where they are but the base of pairs, too. */
const COMMON = ['BTC', 'ETH', 'EUR'];

type SymbolsAnswer = Answer<Operation<'/v1/market/symbols', 'get'>>;

export interface Pair {
  readonly base: string;
  /** Empty where it is not known. */
  readonly quote: string;
}

/** `unknown`: the listing has not loaded, or has no status for it. */
export type Trading = 'traded' | 'halted' | 'delisted' | 'unknown';

class Directory {
  #listed: ReadonlyMap<string, ListedSymbol> = $state.raw(new Map());
  /** Whether the whole listing is here. */
  #complete = $state(false);
  /** The assets of everything that is not delisted, as symbols. */
  readonly #assets: ReadonlySet<string> = $derived.by(() => assetsOf([...this.#listed.values()]));
  /** What a portfolio can be valued in, of all that can be converted into: what something is priced in, those of most pairs first, and `COMMON`. */
  readonly currencies: readonly string[] = $derived.by(() => currenciesOf([...this.#listed.values()]));
  #askedAt = -Infinity;
  #missing = false;

  /** Read the listing where it is due. Raises nothing: names are shown as soon as they are known. */
  async load(): Promise<void> {
    const age = clock.read() - this.#askedAt;
    if (age < AGAIN_MS || (age < EVERY_MS && this.#complete && !this.#missing)) return;
    this.#askedAt = clock.read();
    this.#missing = false;
    try {
      const symbols: ListedSymbol[] = [];
      let after: string | null = null;
      do {
        const page: SymbolsAnswer = await get('/v1/market/symbols', { query: { limit: PAGE, after } });
        symbols.push(...page.symbols);
        after = page.next;
      } while (after !== null);
      this.take(symbols);
    } catch {
      this.#missing = true;
    }
  }

  /** The whole listing. */
  take(symbols: readonly ListedSymbol[]): void {
    this.#listed = new Map(symbols.map((listed) => [listed.symbol, listed]));
    this.#complete = symbols.length > 0;
  }

  /** Some of it, newer than what is known. Assets by themselves are no part of it. */
  learn(found: readonly ListedSymbol[]): void {
    const symbols = found.filter((one) => !isAsset(one));
    const isNew = ({ symbol, status }: ListedSymbol): boolean => this.#listed.get(symbol)?.status !== status;
    if (symbols.some(isNew)) {
      const newer = symbols.map(({ symbol, base, quote, status }) => [symbol, { symbol, base, quote, status }] as const);
      this.#listed = new Map([...this.#listed, ...newer]);
    }
  }

  get all(): readonly ListedSymbol[] {
    return [...this.#listed.values()];
  }

  pair(symbol: string): Pair {
    const listed = this.#listed.get(symbol);
    if (!listed?.base) {
      this.#missing ||= !this.#assets.has(symbol);
      return { base: symbol.toUpperCase(), quote: '' };
    }
    return { base: listed.base.toUpperCase(), quote: listed.quote.toUpperCase() };
  }

  /** Whether the symbol names an asset that is held by itself, and no pair. */
  isAsset(symbol: string): boolean {
    return !this.#listed.get(symbol)?.quote && this.#assets.has(symbol);
  }

  /** The asset in which it is priced: a pair's quote; an asset itself, whose price is 1. Empty where that is not known. */
  unit(symbol: string): string {
    const { base, quote } = this.pair(symbol);
    return this.isAsset(symbol) ? base : quote;
  }

  trading(symbol: string): Trading {
    const listed = this.#listed.get(symbol);
    if (listed !== undefined) return tradingOf(listed);
    if (this.#assets.has(symbol)) return 'traded';
    return this.#complete ? 'delisted' : 'unknown';
  }
}

function assetsOf(listed: readonly ListedSymbol[]): ReadonlySet<string> {
  const known = listed.filter((one) => one.quote !== '' && tradingOf(one) !== 'delisted');
  return new Set(known.flatMap(({ base, quote }) => [base.toLowerCase(), quote.toLowerCase()]));
}

function currenciesOf(listed: readonly ListedSymbol[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const one of listed) if (one.quote !== '' && tradingOf(one) === 'traded') counts.set(one.quote, (counts.get(one.quote) ?? 0) + 1);
  const quotes = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([quote]) => quote.toUpperCase());
  const bases = new Set(listed.filter((one) => tradingOf(one) === 'traded').map(({ base }) => base.toUpperCase()));
  return [...new Set([...quotes, ...COMMON.filter((asset) => bases.has(asset))])];
}

/** Whether it is a row of a search that stands for an asset by itself. */
export function isAsset({ base, quote }: ListedSymbol): boolean {
  return base !== '' && quote === '';
}

export function tradingOf({ status }: ListedSymbol): Trading {
  if (status === '') return 'unknown';
  return status === 'TRADING' ? 'traded' : status === 'DELISTED' ? 'delisted' : 'halted';
}

/** Whether it can be added to a portfolio, as far as is known. */
export function canBeAdded(trading: Trading): boolean {
  return trading === 'traded' || trading === 'unknown';
}

export const directory = new Directory();

export function pairOf(symbol: string): Pair {
  return directory.pair(symbol);
}

/** `BTC/USDT`; `BTCUSDT` where its halves are not known. */
export function pairName({ base, quote }: Pair): string {
  return quote === '' ? base : `${base}/${quote}`;
}

/** What each of these symbols is called among them: its base, with the quote where another one has the same base. */
export function namesOf(symbols: readonly string[]): ReadonlyMap<string, string> {
  const counts = new Map<string, number>();
  for (const { base } of symbols.map(pairOf)) counts.set(base, (counts.get(base) ?? 0) + 1);
  return new Map(
    symbols.map((symbol) => {
      const pair = pairOf(symbol);
      return [symbol, counts.get(pair.base) === 1 ? pair.base : pairName(pair)];
    }),
  );
}
