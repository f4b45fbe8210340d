import { expect, test } from 'vitest';

import { decimal } from '../lib/decimal';
import type { Num } from '../lib/json';
import { sorted, toggled, type Order, type Sortable } from './sorting';

const holdings: readonly Sortable[] = [
  { symbol: 'btcusdt', value: '9.5' as Num },
  { symbol: 'adausdt', value: null },
  { symbol: 'ethusdt', value: '10' as Num },
];
const changes = { btcusdt: decimal('-2'), ethusdt: decimal('1') } as Record<string, ReturnType<typeof decimal>>;
const symbols = (order: Order) => sorted(holdings, order, (symbol) => changes[symbol] ?? null);

test('by value, as numbers and not as text; what has none comes last either way', () => {
  expect(symbols({ by: 'value', ascending: false })).toEqual(['ethusdt', 'btcusdt', 'adausdt']);
  expect(symbols({ by: 'value', ascending: true })).toEqual(['btcusdt', 'ethusdt', 'adausdt']);
});

test('by name and by change', () => {
  expect(symbols({ by: 'coin', ascending: true })).toEqual(['adausdt', 'btcusdt', 'ethusdt']);
  expect(symbols({ by: 'change', ascending: true })).toEqual(['btcusdt', 'ethusdt', 'adausdt']);
});

test('the same column turns round, another begins with what is most asked for', () => {
  expect(toggled({ by: 'value', ascending: false }, 'value')).toEqual({ by: 'value', ascending: true });
  expect(toggled({ by: 'value', ascending: false }, 'coin')).toEqual({ by: 'coin', ascending: true });
  expect(toggled({ by: 'coin', ascending: true }, 'change')).toEqual({ by: 'change', ascending: false });
});
