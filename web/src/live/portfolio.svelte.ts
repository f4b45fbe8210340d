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
  /** In the portfolio's currency, by the server; null where it cannot be given: the coin is not in the total then. */
  value: Num | null = $state(null);
  /** ms: when the exchange had this price; null while unknown. */
  priceTime: number | null = $state(null);
  /** Which way the price went last. */
  direction: -1 | 0 | 1 = $state(0);
  /** The most decimal places the price has had: it keeps them, so that the column stands still. */
  places = $state(2);

  constructor(readonly symbol: string) {}

  /** The holding in the document, where it differs from what is known. */
  update(quantity: Num, price: Num | null, value: Num | null, time: number | null): void {
    this.quantity = quantity;
    this.value = value;
    this.priceTime = time;
    if (price === this.price) return;
    this.direction = direction(this.price, price);
    this.price = price;
    if (price !== null) this.places = Math.max(this.places, Math.min(decimal(price).scale, 12));
  }
}

/** One pair of the way from an asset to the portfolio's currency: its price multiplies, or divides where it is used backwards. */
export interface Leg {
  readonly symbol: string;
  readonly backwards: boolean;
}

/** In the order of the way; empty from the currency to itself. */
export type Path = readonly Leg[];

/** The state shown for the figures: `live`, or why they may be old. */
export type Trust = 'connecting' | 'live' | 'unpriced' | 'stale' | 'reconnecting' | 'offline';

class Portfolio {
  name = $state('');
  holdings: readonly Holding[] = $state.raw([]);
  /** In `currency`. */
  total: Num | null = $state(null);
  /** In upper case; empty while unknown. */
  currency = $state('');
  /** The coins that are not in the total. */
  unvalued: readonly string[] = $state.raw([]);
  /** ms: the oldest price that converts a coin into the currency; null where nothing is converted. */
  ratesAt: number | null = $state(null);
  totalDirection: -1 | 0 | 1 = $state(0);
  /** The server's choice of pairs, as it values by them now. */
  #paths: ProfileDocument['Paths'] = $state.raw({});
  source: string | null = $state(null);
  /** ms: the newest price event in the document. */
  updatedAt: number | null = $state(null);
  connection: Connection = $state.raw({ state: 'connecting' });
  /** Whether any document has come. */
  known = $state(false);

  #bySymbol = new Map<string, Holding>();
  #controller = new AbortController();
  #socket = new LiveSocket({
    frame: (text) => this.apply(parseExact(text) as ProfileDocument),
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
    this.unvalued = [];
    this.#paths = {};
    this.total = this.source = this.updatedAt = this.ratesAt = null;
    this.name = this.currency = '';
    this.#bySymbol.clear();
  }

  holding(symbol: string): Holding | undefined {
    return this.holdings.find((holding) => holding.symbol === symbol);
  }

  /** The way from an asset to the currency; null where there is none. */
  path(asset: string): Path | null {
    if (asset === this.currency) return [];
    return this.#paths?.[asset]?.map(({ Symbol, Backwards }) => ({ symbol: Symbol, backwards: Backwards })) ?? null;
  }

  get trust(): Trust {
    switch (this.connection.state) {
      case 'open':
        if (this.updatedAt === null) return this.holdings.some(({ price }) => price === null) ? 'unpriced' : 'live';
        return clock.now - this.updatedAt > STALE_AFTER_MS ? 'stale' : 'live';
      case 'offline':
        return 'offline';
      case 'connecting':
        return this.known ? 'reconnecting' : 'connecting';
      default:
        return 'reconnecting';
    }
  }

  /** A document with `detail=full`. */
  apply(document: ProfileDocument): void {
    const { Quantities, Prices, Values = {}, Times = {} } = document.Coins;
    const symbols = Object.keys(Quantities);
    for (const symbol of symbols) {
      const holding = this.#bySymbol.get(symbol) ?? new Holding(symbol);
      this.#bySymbol.set(symbol, holding);
      holding.update(Quantities[symbol] ?? ('0' as Num), Prices[symbol] ?? null, Values[symbol] ?? null, timeOf(Times[symbol]));
    }
    for (const symbol of this.#bySymbol.keys()) if (!(symbol in Quantities)) this.#bySymbol.delete(symbol);
    if (!sameSymbols(symbols, this.holdings)) {
      this.holdings = symbols.flatMap((symbol) => this.#bySymbol.get(symbol) ?? []);
    }
    this.name = document.Name;
    this.source = document.Source;
    this.totalDirection = document.Currency === this.currency ? direction(this.total, document.Total) : 0;
    this.total = document.Total;
    this.currency = document.Currency;
    if (document.Unvalued.join() !== this.unvalued.join()) this.unvalued = document.Unvalued;
    if (JSON.stringify(document.Paths) !== JSON.stringify(this.#paths)) this.#paths = document.Paths;
    this.ratesAt = timeOf(document.RatesAt);
    this.updatedAt = timeOf(document.UpdatedAt);
    this.known = true;
  }
}

function timeOf(time: Num | null | undefined): number | null {
  return time === null || time === undefined ? null : Number(time);
}

function sameSymbols(symbols: readonly string[], holdings: readonly Holding[]): boolean {
  return symbols.length === holdings.length && symbols.every((symbol, index) => holdings[index]?.symbol === symbol);
}

function direction(before: Num | null, after: Num | null): -1 | 0 | 1 {
  if (before === null || after === null || before === after) return 0;
  return Math.sign(compare(decimal(after), decimal(before))) as -1 | 0 | 1;
}

export const portfolio = new Portfolio();
