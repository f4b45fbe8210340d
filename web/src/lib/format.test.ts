import { beforeEach, expect, test, vi } from 'vitest';

import { age, compact, exact, fixed, money, percentage, signed, signedPercent, typed } from './format';
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

test.each([
  ['1.5', '1.5'],
  ['1,5', '1.5'],
  ['0,123456789012345678', '0.123456789012345678'],
  ['1 234,5', '1234.5'],
  ['1\u202f234\u00a0567', '1234567'],
  ['1,234,567', '1234567'],
  ['1,234.5', '1234.5'],
  ['1,234', '1234'],
  ['1.234', '1.234'],
  ['1.234,5', '1234.5'],
  ['.5', '0.5'],
  ['007', '7'],
  ['2.50', '2.5'],
])('typed %s means %s', (input, value) => {
  expect(typed(input)).toBe(value);
});

test('a comma before three digits is what the language says it is', () => {
  locale.language = 'ru';
  expect(typed('1,234')).toBe('1.234');
  expect(typed('1 234,5')).toBe('1234.5');
});

test.each(['en-US', 'en-IN', 'en-ZA', 'en-CH', 'en-DE', 'en-AT', 'ru-RU', 'ru-UA'])('what is shown is read back as it was, in %s', (tag) => {
  vi.stubGlobal('navigator', { languages: [tag] });
  locale.language = tag.startsWith('ru') ? 'ru' : 'en';
  for (const text of ['1234', '1234.5', '0.123456789012345678', '100000', '12345678901234567890.5', '999999', '0.001', '1000000.123']) {
    expect(typed(exact(num(text)))).toBe(text);
  }
  vi.unstubAllGlobals();
});

test('groups are those of the language, or of three digits', () => {
  vi.stubGlobal('navigator', { languages: ['en-IN'] });
  expect(['1,00,000.5', '100,000.5', '1,0,0000', '10,00'].map(typed)).toEqual(['100000.5', '100000.5', null, '10']);
  vi.unstubAllGlobals();
});

test.each(['', ' ', 'abc', '1.2.3', '1e5', '-1', '1,23,4', '12,34.5', '½'])('typed %s means nothing', (input) => {
  expect(typed(input)).toBeNull();
});
