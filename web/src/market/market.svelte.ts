/**
 * The market as of its API's last responses: a ticker for each symbol, whose record changes only where its figures did.
 *
 * `watchAll` reads every price now and then, for the order of the list; `watch` reads those that are looked at every
 * second. Both can run at once, and the newer event wins.
 */
import { get } from '../api/client';
import type { Answer, Operation, Price } from '../api/types';
import { clock } from '../lib/clock.svelte';
import { compare, decimal, percent, subtract, text } from '../lib/decimal';
import type { Num } from '../lib/json';
import { poll, type Poll } from '../lib/poll';
import { directory, type Pair, type Trading } from './directory.svelte';

const SEEN_EVERY_MS = 1000;
const ALL_EVERY_MS = 15_000;
/** One page is read in a few milliseconds, so that scrolling stays smooth in between. */
const PAGE = 500;
const MOST_NAMED = 400;
/** Without an answer, or a new price, for so long the figures are old. */
const STALE_AFTER_MS = 20_000;
/** Time for a first answer after the page is shown again, before the figures count as old. */
const GRACE_MS = 3000;
/** For so long an event holds back older ones: an answer that was overtaken on its way is late by less. */
const HELD_MS = 10_000;

/** Fields in which two records can differ; the age is left out, for it changes with each answer. */
const COMPARED = ['price', 'event_time', 'open_24h', 'high_24h', 'low_24h', 'volume_24h', 'quote_volume_24h'] as const;

type PricesAnswer = Answer<Operation<'/v1/market/prices', 'get'>>;

export class Ticker {
  /** Whether it is listed or has a price; a page may be about a symbol that does not exist. */
  known = false;
  figures: Price | null = $state.raw(null);
  /** Which way the price went last. */
  direction: -1 | 0 | 1 = $state(0);
  /** The most decimal places seen in its prices: it keeps them, so that the column stands still. */
  places = $state(2);

  /** ms: when the figures last changed. */
  #changedAt = 0;
  readonly #pair: Pair = $derived.by(() => directory.pair(this.symbol));

  constructor(readonly symbol: string) {}

  get base(): string {
    return this.#pair.base;
  }

  get quote(): string {
    return this.#pair.quote;
  }

  get trading(): Trading {
    return directory.trading(this.symbol);
  }

  update(figures: Price): void {
    const before = this.figures;
    if (before !== null && Number(figures.event_time) < Number(before.event_time) && this.#isHeld) return;
    if (before !== null && COMPARED.every((name) => figures[name] === before[name])) return;
    if (before?.price !== figures.price) {
      this.direction = before === null ? 0 : (Math.sign(compare(decimal(figures.price), decimal(before.price))) as -1 | 0 | 1);
      this.places = Math.max(this.places, ...[figures.price, figures.high_24h, figures.low_24h].map(placesOf));
    }
    this.figures = figures;
    this.known = true;
    this.#changedAt = clock.read();
  }

  /** Whether older events are late ones. Later, an older one shows that the newer one's time was wrong. */
  get #isHeld(): boolean {
    return clock.read() - this.#changedAt <= HELD_MS;
  }

  /** The figures of another answer; the symbol. */
  follow(figures: Price): string {
    this.update(figures);
    return this.symbol;
  }

  /** A newer price of the same market, from the live connection: the change is recomputed as the API does, the rest stays. */
  tick(price: Num, time: number): void {
    if (this.figures === null || (time <= Number(this.figures.event_time) && this.#isHeld)) return;
    this.update({ ...this.figures, price, event_time: String(time) as Num, ...changeSince(this.figures.open_24h, price) });
  }

  forget(): void {
    this.figures = null;
    this.direction = 0;
  }
}

class Market {
  /** Every symbol there is, as soon as all are known. */
  list: readonly Ticker[] = $state.raw([]);
  /** Grows whenever the whole market has been read. */
  revision = $state(0);
  source: string | null = $state(null);
  /** ms: the newest price event among all answers. */
  newest = $state(0);
  /** ms: when the last answer came. */
  heard: number | null = $state(null);
  /** Why the last question had no answer. */
  problem: unknown = $state.raw(null);
  /** Symbols that the exchange does not know, with what is near. */
  unknown: ReadonlyMap<string, readonly string[]> = $state.raw(new Map());

  #tickers = new Map<string, Ticker>();
  #shownAt = $state(-Infinity);

  constructor() {
    if (typeof document === 'undefined') return;
    document.addEventListener('visibilitychange', () => {
      this.#shownAt = clock.read();
    });
  }

  ticker(symbol: string): Ticker {
    let ticker = this.#tickers.get(symbol);
    if (ticker === undefined) {
      ticker = new Ticker(symbol);
      this.#tickers.set(symbol, ticker);
    }
    return ticker;
  }

  /** Keep reading the prices of `symbols()`. */
  watch(symbols: () => readonly string[]): Poll {
    return poll({
      everyMs: SEEN_EVERY_MS,
      outcome: (error) => error !== null && (this.problem = error),
      ask: async (signal) => {
        const named = symbols().slice(0, MOST_NAMED);
        if (named.length > 0) this.apply(await get('/v1/market/prices', { query: { symbols: named.join(',') }, signal }));
      },
    });
  }

  /** Keep reading the whole market. */
  watchAll(): Poll {
    return poll({ everyMs: ALL_EVERY_MS, outcome: (error) => error !== null && (this.problem = error), ask: (signal) => this.#readAll(signal) });
  }

  apply({ source, prices, unknown }: PricesAnswer): void {
    if (source !== this.source) {
      // Prices of two sources never mix, here neither.
      if (this.source !== null) for (const ticker of this.#tickers.values()) ticker.forget();
      this.source = source;
      this.newest = 0;
    }
    directory.learn(prices);
    for (const figures of prices) {
      this.ticker(figures.symbol).update(figures);
      this.newest = Math.max(this.newest, Number(figures.event_time));
    }
    if (Object.keys(unknown).length > 0) this.unknown = new Map([...this.unknown, ...Object.entries(unknown)]);
    this.heard = clock.read();
    this.problem = null;
  }

  /** Whether an answer came just now. */
  get reached(): boolean {
    return this.heard !== null && this.#isRecent(this.heard);
  }

  /** Whether prices move; only the whole market shows it, for one coin may rest for hours. */
  get moving(): boolean {
    return this.#isRecent(this.newest);
  }

  #isRecent(time: number): boolean {
    return clock.now - time < STALE_AFTER_MS || clock.now - this.#shownAt < GRACE_MS;
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    const listing = directory.load();
    let after: string | null = null;
    do {
      const page: PricesAnswer = await get('/v1/market/prices', { query: { limit: PAGE, after }, signal });
      this.apply(page);
      after = page.next;
    } while (after !== null);
    await listing;
    for (const { symbol } of directory.all) this.ticker(symbol).known = true;
    const known = [...this.#tickers.values()].filter((ticker) => ticker.known);
    if (this.list.length !== known.length) this.list = known;
    this.newest = known.reduce((newest, { figures }) => Math.max(newest, Number(figures?.event_time ?? 0)), 0);
    this.revision += 1;
  }
}

function changeSince(open: Num | null, price: Num): Pick<Price, 'change_24h' | 'change_percent_24h'> {
  if (open === null) return { change_24h: null, change_percent_24h: null };
  const before = decimal(open);
  const change = subtract(decimal(price), before);
  const inPercent = percent(change, before, 8);
  return { change_24h: text(change) as Num, change_percent_24h: inPercent === null ? null : (text(inPercent) as Num) };
}

function placesOf(price: Num | null): number {
  return price === null ? 0 : Math.min(decimal(price).scale, 12);
}

export const market = new Market();
