import { expect, test } from 'vitest';

import { decimal } from '../lib/decimal';
import type { Num } from '../lib/json';
import { parseQuantity } from './quantity';
import { sorted, toggled, type Order, type Sortable } from './sorting';

test.each([
  ['1,5', '1.5'],
  ['0.000000000000000001', '0.000000000000000001'],
  ['99999999999999999999', '99999999999999999999'],
])('an amount of %s is %s', (input, quantity) => {
  expect(parseQuantity(input)).toBe(quantity);
});

test.each(['0', '0.0', '-1', '1e3', '', '100000000000000000000', '0.0000000000000000001'])('%s is no amount', (input) => {
  expect(parseQuantity(input)).toBeNull();
});

const holdings: readonly Sortable[] = [
  { symbol: 'btcusdt', total: '9.5' as Num },
  { symbol: 'adausdt', total: null },
  { symbol: 'ethusdt', total: '10' as Num },
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
