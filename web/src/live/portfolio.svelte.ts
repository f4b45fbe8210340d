/**
 * The portfolio as of the last frame, and how far that can be trusted.
 *
 * Each frame is a whole document; a coin's record changes only where its figures did, so that a tick touches the cells it
 * changes and no others.
 */
import type { ProfileDocument } from '../api/types';
import { clock } from '../lib/clock.svelte';
import { compare, decimal } from '../lib/decimal';
import { parseExact, type Num } from '../lib/json';
import { LiveSocket, type Connection } from './socket';

/** Prices come about once a second for what is traded; after so long without any, the figures are old. */
export const STALE_AFTER_MS = 20_000;

export class Holding {
  quantity: Num = $state('0' as Num);
  price: Num | null = $state(null);
  /** Quantity × price, by the server. */
  total: Num | null = $state(null);
  /** ms: when the exchange had this price; null while unknown. */
  priceTime: number | null = $state(null);
  /** Which way the price went last. */
  direction: -1 | 0 | 1 = $state(0);
  /** The most decimal places the price has had: it keeps them, so that the column stands still. */
  places = $state(2);

  constructor(readonly symbol: string) {}

  /** The holding in the document, where it differs from what is known. `time` is that of a change of price, if it is known. */
  update(quantity: Num, price: Num | null, total: Num | null, time: number | null): void {
    this.quantity = quantity;
    this.total = total;
    if (price === this.price) return;
    this.direction = direction(this.price, price);
    this.priceTime = price === null || this.price === null ? null : time; // a first price may be of any age
    this.price = price;
    if (price !== null) this.places = Math.max(this.places, Math.min(decimal(price).scale, 12));
  }

  /** Take over the price's time from the market API, if it has the same price. */
  confirm(price: Num, time: number): void {
    if (this.price !== null && compare(decimal(price), decimal(this.price)) === 0) this.priceTime = time;
  }
}

/** The state shown for the figures: `live`, or why they may be old. */
export type Trust = 'connecting' | 'live' | 'unpriced' | 'stale' | 'reconnecting' | 'offline';

class Portfolio {
  name = $state('');
  holdings: readonly Holding[] = $state.raw([]);
  total: Num | null = $state(null);
  totalDirection: -1 | 0 | 1 = $state(0);
  source: string | null = $state(null);
  /** ms: the newest price event in the document. */
  updatedAt: number | null = $state(null);
  connection: Connection = $state.raw({ state: 'connecting' });
  /** Whether any document has come. */
  known = $state(false);

  #bySymbol = new Map<string, Holding>();
  #controller = new AbortController();
  #socket = new LiveSocket({
    first: (text) => this.apply(parseExact(text) as ProfileDocument),
    frame: (text) => this.follow(parseExact(text) as ProfileDocument),
    connection: (connection) => {
      this.connection = connection;
    },
  });

  /** Aborted when it is closed: what was asked for one person must not show to the next. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  open(): void {
    this.#controller = new AbortController();
    this.#socket.open();
  }

  close(): void {
    this.#controller.abort();
    this.#socket.close();
    this.known = false;
    this.holdings = [];
    this.total = this.source = this.updatedAt = null;
    this.name = '';
    this.#bySymbol.clear();
  }

  holding(symbol: string): Holding | undefined {
    return this.holdings.find((holding) => holding.symbol === symbol);
  }

  get trust(): Trust {
    switch (this.connection.state) {
      case 'open':
        if (this.updatedAt === null) return this.holdings.length > 0 ? 'unpriced' : 'live';
        return clock.now - this.updatedAt > STALE_AFTER_MS ? 'stale' : 'live';
      case 'offline':
        return 'offline';
      case 'connecting':
        return this.known ? 'reconnecting' : 'connecting';
      default:
        return 'reconnecting';
    }
  }

  /** A document that stands for itself. `UpdatedAt` is the newest event of any coin, without the coin's name. */
  apply(document: ProfileDocument): void {
    this.#take(document, null);
  }

  /** The document that came right after the one before: the newest event is that of what changed. */
  follow(document: ProfileDocument): void {
    this.#take(document, timeOf(document));
  }

  #take(document: ProfileDocument, changedAt: number | null): void {
    const { Quantities, Prices, Totals } = document.Coins;
    const symbols = Object.keys(Quantities);
    for (const symbol of symbols) {
      const holding = this.#bySymbol.get(symbol) ?? new Holding(symbol);
      this.#bySymbol.set(symbol, holding);
      holding.update(Quantities[symbol] ?? ('0' as Num), Prices[symbol] ?? null, Totals[symbol] ?? null, changedAt);
    }
    for (const symbol of this.#bySymbol.keys()) if (!(symbol in Quantities)) this.#bySymbol.delete(symbol);
    if (!sameSymbols(symbols, this.holdings)) {
      this.holdings = symbols.flatMap((symbol) => this.#bySymbol.get(symbol) ?? []);
    }
    this.name = document.Name;
    this.source = document.Source;
    this.totalDirection = direction(this.total, document.Total);
    this.total = document.Total;
    this.updatedAt = timeOf(document);
    this.known = true;
  }
}

function timeOf({ UpdatedAt }: ProfileDocument): number | null {
  return UpdatedAt === null ? null : Number(UpdatedAt);
}

function sameSymbols(symbols: readonly string[], holdings: readonly Holding[]): boolean {
  return symbols.length === holdings.length && symbols.every((symbol, index) => holdings[index]?.symbol === symbol);
}

function direction(before: Num | null, after: Num | null): -1 | 0 | 1 {
  if (before === null || after === null || before === after) return 0;
  return Math.sign(compare(decimal(after), decimal(before))) as -1 | 0 | 1;
}

export const portfolio = new Portfolio();
