import { beforeEach, expect, test } from 'vitest';

import { age, compact, exact, fixed, money, percentage, signed, signedPercent } from './format';
import { locale } from './i18n.svelte';
import type { Num } from './json';

const num = (text: string): Num => text as Num;
/** Intl uses several kinds of spaces that do not break. */
const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, ' ');

beforeEach(() => {
  locale.language = 'en';
});

test('a figure is shown to its last digit, with the language’s own signs', () => {
  expect(exact(num('12345678901234567890.123456789012345678'))).toBe('12,345,678,901,234,567,890.123456789012345678');
  locale.language = 'ru';
  expect(plain(exact(num('1234567.10')))).toBe('1 234 567,1');
});

test('a column keeps its places', () => {
  expect(exact(num('68123.4'), 2)).toBe('68,123.40');
  expect(exact(num('0.00000812'), 2)).toBe('0.00000812');
});

test('money has two places, rounded half to even, and never vanishes', () => {
  expect(money(num('1234.565'))).toBe('1,234.56');
  expect(money(num('0'))).toBe('0.00');
  expect(money(num('0.000000123456'))).toBe('0.00000012');
  expect(money(num('-0.0042'))).toBe('-0.0042');
  expect(fixed(num('99999999999999999999.995'))).toBe('100,000,000,000,000,000,000.00');
});

test('changes show their sign, also where colour is not seen', () => {
  expect(signedPercent(num('1.256'))).toBe('+1.26%');
  expect(signedPercent(num('-0.5'))).toBe('−0.50%');
  expect(signedPercent(num('0.001'))).toBe('0.00%');
  expect(percentage(num('12.345'))).toBe('12.3%');
  expect(signed(num('-1077.656'), money)).toBe('−1,077.66');
  expect(signed(num('0.0042'), money)).toBe('+0.0042');
});

test('volumes are short', () => {
  expect(compact(num('834567890.12'))).toBe('834.57M');
});

test('ages', () => {
  expect([0, 1999, 5000, 65_000, 7_300_000, 200_000_000].map(age)).toEqual(['now', 'now', '5s', '1m', '2h', '2d']);
  expect(age(-500)).toBe('now');
  locale.language = 'ru';
  expect(plain(age(5000))).toBe('5 с');
  expect(age(0)).toBe('сейчас');
});
