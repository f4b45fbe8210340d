/** Selection and order of the listed symbols. Figures are compared by their nearest floats, which are never shown. */
import type { Price } from '../api/types';
import type { Num } from '../lib/json';

export const COLUMNS = ['coin', 'price', 'change', 'volume'] as const;
export type Column = (typeof COLUMNS)[number];

export interface Order {
  readonly by: Column;
  readonly ascending: boolean;
}

export interface Listed {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly figures: Price | null;
}

export interface Wanted {
  /** As it is typed. */
  readonly search: string;
  /** What the API finds for the search, best first; null while that is not known. */
  readonly found: readonly string[] | null;
  /** In lower case; null: any. */
  readonly quote: string | null;
  /** Null: the search's own order, or by volume. */
  readonly order: Order | null;
}

/** A search without what people write between the halves of a pair. */
export function plainSearch(search: string): string {
  return search.toLowerCase().replace(/[\s/_-]/g, '');
}

/** What the next click on a column's header asks for. */
export function toggled(order: Order, by: Column): Order {
  return order.by === by ? { by, ascending: !order.ascending } : { by, ascending: by === 'coin' };
}

/** Those that are wanted, in the order; what is not known comes last either way. A search has the API's order, as it comes. */
export function listed<T extends Listed>(all: readonly T[], { search, found, quote, order }: Wanted): readonly T[] {
  const wanted = plainSearch(search);
  const rows = all.filter((one) => (quote === null || one.quote.toLowerCase() === quote) && contains(one, wanted));
  if (wanted === '' || found === null || order !== null) return ordered(rows, order ?? BY_VOLUME);
  const bySymbol = new Map(rows.map((one) => [one.symbol, one]));
  return found.flatMap((symbol) => bySymbol.get(symbol) ?? []);
}

const BY_VOLUME: Order = { by: 'volume', ascending: false };

function contains({ symbol, base }: Listed, wanted: string): boolean {
  return symbol.includes(wanted) || base.toLowerCase().includes(wanted);
}

function ordered<T extends Listed>(all: readonly T[], { by, ascending }: Order): readonly T[] {
  const direction = ascending ? 1 : -1;
  const rows = all.map((one) => ({ one, key: keyOf(one, by) }));
  rows.sort((a, b) => {
    const byKey = by === 'coin' ? direction * compareNames(a.one, b.one) : compareKeys(a.key, b.key, direction);
    return byKey || compareNames(a.one, b.one);
  });
  return rows.map(({ one }) => one);
}

/** The assets that something is priced in, those of most symbols first. */
export function quotesOf(all: readonly Listed[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { quote } of all) if (quote !== '') counts.set(quote.toLowerCase(), (counts.get(quote.toLowerCase()) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || Number(b === 'usdt') - Number(a === 'usdt') || (a < b ? -1 : 1)).map(([quote]) => quote);
}

function keyOf({ figures }: Listed, by: Column): number | null {
  if (figures === null || by === 'coin') return null;
  const figure: Num | null = by === 'price' ? figures.price : by === 'change' ? figures.change_percent_24h : figures.quote_volume_24h;
  return figure === null ? null : Number(figure);
}

function compareKeys(a: number | null, b: number | null, direction: number): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return direction * (a - b);
}

function compareNames(a: Listed, b: Listed): number {
  return a.base < b.base ? -1 : a.base > b.base ? 1 : a.symbol < b.symbol ? -1 : Number(a.symbol > b.symbol);
}
