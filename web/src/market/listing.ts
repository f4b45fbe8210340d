/** Which symbols are listed, and in what order. Figures are compared by their nearest floats, which nobody reads. */
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
  readonly search: string;
  /** In lower case; null: any. */
  readonly quote: string | null;
  readonly order: Order;
}

/** What the next click on a column's header asks for. */
export function toggled(order: Order, by: Column): Order {
  return order.by === by ? { by, ascending: !order.ascending } : { by, ascending: by === 'coin' };
}

/** Those that are wanted: best matches of the search first, then in the order; what is not known comes last either way. */
export function listed<T extends Listed>(all: readonly T[], { search, quote, order }: Wanted): readonly T[] {
  const wanted = search.toLowerCase().replace(/[\s/_-]/g, '');
  const direction = order.ascending ? 1 : -1;
  const rows = [];
  for (const one of all) {
    if (quote !== null && one.quote.toLowerCase() !== quote) continue;
    const rank = wanted === '' ? 0 : rankOf(one, wanted);
    if (rank !== null) rows.push({ one, rank, key: keyOf(one, order.by) });
  }
  rows.sort((a, b) => {
    if (a.rank !== b.rank) return a.rank - b.rank;
    const byKey = order.by === 'coin' ? direction * compareNames(a.one, b.one) : compareKeys(a.key, b.key, direction);
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

export type Ranking = 'gainers' | 'losers' | 'volume';
const DAY_MS = 86_400_000;

/** What rose, fell or traded most of those whose figures are of the last 24 h, as the API's /movers has it. */
export function movers<T extends Listed>(all: readonly T[], by: Ranking, quote: string | null, now: number, limit: number): readonly T[] {
  const column = by === 'volume' ? 'volume' : 'change';
  const current = all.flatMap((one) => {
    const key = keyOf(one, column);
    const old = one.figures === null || Number(one.figures.event_time) <= now - DAY_MS;
    const other = quote !== null && one.quote.toLowerCase() !== quote;
    if (key === null || old || other) return [];
    return by === 'volume' || (by === 'gainers' ? key > 0 : key < 0) ? [{ one, key }] : [];
  });
  current.sort((a, b) => (by === 'losers' ? a.key - b.key : b.key - a.key) || compareNames(a.one, b.one));
  return current.slice(0, limit).map(({ one }) => one);
}

/** 0 is the base itself, then bases and symbols that begin so, then those that hold it; null: it does not match. */
function rankOf({ symbol, base }: Listed, wanted: string): number | null {
  const name = base.toLowerCase();
  if (name === wanted || symbol === wanted) return 0;
  if (name.startsWith(wanted)) return 1;
  if (symbol.startsWith(wanted)) return 2;
  return symbol.includes(wanted) ? 3 : null;
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
