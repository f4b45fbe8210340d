/** The order of the table's rows. They are sorted on request or when the coins change, never by a tick. */
import { compare, decimal, type Decimal } from '../lib/decimal';
import type { Num } from '../lib/json';

export const COLUMNS = ['coin', 'change', 'value'] as const;
export type Column = (typeof COLUMNS)[number];

export interface Order {
  readonly by: Column;
  readonly ascending: boolean;
}

export interface Sortable {
  readonly symbol: string;
  readonly value: Num | null;
}

/** What the next click on a column's header asks for. */
export function toggled(order: Order, by: Column): Order {
  return order.by === by ? { by, ascending: !order.ascending } : { by, ascending: by === 'coin' };
}

/** Symbols in order; what is not known comes last, either way. */
export function sorted(holdings: readonly Sortable[], order: Order, changeOf: (symbol: string) => Decimal | null): readonly string[] {
  const key = (holding: Sortable): Decimal | null =>
    order.by === 'change' ? changeOf(holding.symbol) : holding.value === null ? null : decimal(holding.value);
  const direction = order.ascending ? 1 : -1;
  return [...holdings]
    .sort((a, b) => {
      if (order.by === 'coin') return direction * a.symbol.localeCompare(b.symbol);
      const [left, right] = [key(a), key(b)];
      if (left === null || right === null) return Number(left === null) - Number(right === null);
      return direction * compare(left, right);
    })
    .map(({ symbol }) => symbol);
}
