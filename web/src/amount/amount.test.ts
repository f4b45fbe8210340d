import { afterEach, describe, expect, test, vi } from 'vitest';

import { decimal, text, trimmed } from '../lib/decimal';
import { exact } from '../lib/format';
import { locale, type Language } from '../lib/i18n.svelte';
import { amountOf } from './amount';
import { AmountField, editable } from './field.svelte';

afterEach(() => vi.unstubAllGlobals());

/** A browser of these languages, and the page as it then is. */
function person(...languages: readonly string[]): void {
  vi.stubGlobal('navigator', { languages });
  locale.language = languages[0]?.startsWith('ru') ? 'ru' : 'en';
}

/** The value, `a or b` for a question, or the fault. */
function read(input: string, coin = 'BTC'): string {
  const amount = amountOf(input, coin);
  if (amount.kind === 'amount') return amount.value;
  return amount.kind === 'question' ? amount.values.join(' or ') : amount.fault;
}

test.each([
  ['de-DE', '0,125', '0.125'],
  ['fr-FR', '0,125', '0.125'],
  ['pt-BR', '0,125', '0.125'],
  ['en-GB', '0,125', '0.125'],
  ['en-US', '0,500', '0.5'],
  ['en-US', '00,125', '0.125'],
  ['ru-RU', '0,125', '0.125'],
  ['en-DE', '0.125', '0.125'],
  ['en-DE', '0,125', '0.125'],
  ['en-IN', '0,125', '0.125'],
  ['en-US', '1,234', '1234'],
  ['en-IN', '1,234', '1234'],
  ['en-DE', '1.500', '1500 or 1.5'],
  ['en-US', '1.234', '1.234'],
  ['de-DE', '1,500', '1.5 or 1500'],
  ['de-DE', '1.500', '1500 or 1.5'],
  ['es-ES', '12.345', '12345 or 12.345'],
  ['ru-RU', '1,500', '1.5'],
  ['ru-RU', '1.500', '1.5'],
  ['en-US', '1,000', '1000'],
  ['en-US', '999,999', '999999'],
  ['en-US', '1,2345', '1.2345'],
  ['en-US', '12,34', '12.34'],
  ['en-US', '1234,567', '1234.567'],
  ['en-US', '1.234,', '1.234'],
  ['en-US', '1,234.', '1234'],
  ['de-DE', '1,234.', '1.234 or 1234'],
  ['de-DE', '1.234,', '1234 or 1.234'],
  ['en-DE', '1.234,', '1234 or 1.234'],
  ['ar-EG', '1,234', '1234 or 1.234'],
  ['ar-EG', '١,٢٣٤', '1234 or 1.234'],
  ['fa-IR', '۱,۲۳۴', '1234 or 1.234'],
  ['ar-EG', '١٬٢٣٤', '1234'],
  ['fa-IR', '۱٫۲۳۴', '1.234'],
  ['hi-IN', '१,२३४', '1234'],
  ['de-CH', '1’234', '1234'],
])('%s types %s: %s', (language, input, meant) => {
  person(language);
  expect(read(input)).toBe(meant);
});

test('groups are taken for granted only where all languages of the browser have them', () => {
  for (const other of ['de', 'fr-FR', 'ru', 'en-DE', 'en-ZA', 'pt-BR']) {
    person('en-US', other);
    expect(read('1,234'), other).toBe('1234 or 1.234');
    person(other, 'en-US');
    expect(read('1,234').split(' or '), other).toContain('1.234');
  }
});

describe.each(['en-US', 'de-DE', 'ru-RU', 'en-IN', 'de-CH'])('in any language, here %s', (language) => {
  test.each([
    ['1', '1'],
    ['.5', '0.5'],
    [',5', '0.5'],
    ['5.', '5'],
    ['5,', '5'],
    ['0.5,', '0.5'],
    ['1,5.', '1.5'],
    ['1 234,', '1234'],
    ['5. BTC', '5'],
    ['1.234.', 'unreadable'],
    ['1,234,', 'unreadable'],
    ['1,234.,', 'unreadable'],
    ['5..', 'unreadable'],
    ['-1,', 'negative'],
    ['007', '7'],
    ['2.50', '2.5'],
    ['+1.5', '1.5'],
    ['1,234.5', '1234.5'],
    ['1.234,5', '1234.5'],
    ['1 234,5', '1234.5'],
    ['1\u202f234\u00a0567', '1234567'],
    ["1'234.5", '1234.5'],
    ['1’234.5', '1234.5'],
    ['1_000_000', '1000000'],
    ['1,234,567', '1234567'],
    ['1.234.567', '1234567'],
    ['1.234.567,89', '1234567.89'],
    ['1,00,000', '100000'],
    ['12,34,567.8', '1234567.8'],
    ['٠٫١٢٥', '0.125'],
    ['١٬٢٣٤٫٥', '1234.5'],
    ['۱۲٫۵', '12.5'],
    ['０．１２５', '0.125'],
    ['०.५', '0.5'],
    ['\u200e0.5\u200f', '0.5'],
    ['1e5', '100000'],
    ['1E-8', '0.00000001'],
    ['1,5e3', '1500'],
    ['0.5 BTC', '0.5'],
    ['0.5btc', '0.5'],
    ['BTC 0,5', '0.5'],
    ['BTC0.5', '0.5'],
    ['₿0.5', '0.5'],
    ['1e-3 BTC', '0.001'],
    [' 0.5\t', '0.5'],
    ['99999999999999999999', '99999999999999999999'],
    ['0.000000000000000001', '0.000000000000000001'],
    ['', 'empty'],
    ['\u00a0', 'empty'],
    ['abc', 'unreadable'],
    ['BTC', 'unreadable'],
    ['1.2.3', 'unreadable'],
    ['1,23,4', 'unreadable'],
    ['12,34.5', 'unreadable'],
    ['1,234,56', 'unreadable'],
    ['1 2', 'unreadable'],
    ['0 125', 'unreadable'],
    ['0,125,000', 'unreadable'],
    ['1 234 56', 'unreadable'],
    ['1.234 567', 'unreadable'],
    ['1\t234', 'unreadable'],
    ['1\n234', 'unreadable'],
    ['½', 'unreadable'],
    ['1²', 'unreadable'],
    ['0x10', 'unreadable'],
    ['1e', 'unit'],
    ['1e1000', 'unreadable'],
    ['(5)', 'unreadable'],
    ['Infinity', 'unreadable'],
    ['-1', 'negative'],
    ['−0,5', 'negative'],
    ['-x', 'unreadable'],
    ['0', 'zero'],
    ['0,000', 'zero'],
    ['1e-19', 'range'],
    ['1e21', 'range'],
    ['100000000000000000000', 'range'],
    ['0.0000000000000000001', 'range'],
    ['$100', 'unit'],
    ['100 USDT', 'unit'],
    ['5k', 'unit'],
  ])('%j: %s', (input, meant) => {
    person(language);
    expect(read(input)).toBe(meant);
  });
});

test('a unit is that of the coin, which may have a digit in its name', () => {
  person('en-US');
  expect(read('5 1INCH', '1INCH')).toBe('5');
  expect(read('0.5 4', '4')).toBe('0.5');
  expect(read('€5', 'EUR')).toBe('5');
  expect(read('Ξ2', 'ETH')).toBe('2');
  expect(read('2 币安人生', '币安人生')).toBe('2');
  expect(read('1,234 BTC')).toBe('1234');
});

const TAGS = ['en-US', 'en-IN', 'en-ZA', 'en-CH', 'en-DE', 'de-DE', 'de-CH', 'fr-FR', 'pt-BR', 'hi-IN', 'ar-EG', 'ru-RU', 'ru-UA'];

/** The same amounts at each run. */
function amounts(count: number): string[] {
  let state = 20_260_101;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
  const digits = (length: number): string => Array.from({ length }, () => next(10)).join('');
  return Array.from({ length: count }, () => text(trimmed(decimal(`${digits(1 + next(20))}.${digits(1 + next(18))}`)))).filter((one) => /[1-9]/.test(one));
}

test.each(TAGS)('an amount that is shown and typed again is the same, or is asked about: %s', (tag) => {
  person(tag);
  const format = new Intl.NumberFormat(tag, { maximumFractionDigits: 18 });
  for (const value of [...amounts(60), '1234', '1234.5', '0.001', '100000', '1.5', '123.456', '1000000.123']) {
    for (const shown of [exact(value as never), format.format(value as never)]) {
      expect(read(shown).split(' or '), shown).toContain(value);
    }
  }
});

test.each(TAGS)('nothing that begins with 0 is ever thousands: %s', (tag) => {
  person(tag);
  for (let thousandths = 1; thousandths < 1000; thousandths += 7) {
    const places = String(thousandths).padStart(3, '0');
    for (const sign of [',', '.', '٫']) expect(read(`0${sign}${places}`)).toBe(text(trimmed(decimal(`0.${places}`))));
  }
});

describe('a field', () => {
  test.each(['en', 'ru'] as const)('is as it was while it is left alone: %s', (language: Language) => {
    person('de-DE');
    locale.language = language;
    const field = new AmountField();
    for (const value of ['123.456', '1234', '0.125', '12345678901234567890.5']) {
      field.reset(value);
      expect(field.written).toBe(editable(value));
      expect(field.read('BTC')).toBe(value);
      expect(field.peek('BTC')).toBe(value);
    }
  });

  test('asks before it has a value, and has the one that is chosen', () => {
    person('de-DE');
    const field = new AmountField();
    field.written = '1.500';
    expect(field.peek('BTC')).toBeNull();
    expect(field.read('BTC')).toBeNull();
    expect(field.question).toEqual(['1500', '1.5']);
    field.settle('1.5');
    expect(field.question).toBeNull();
    expect(field.read('BTC')).toBe('1.5');
    field.written = '1.500';
    expect(field.read('BTC')).toBeNull();
  });

  test('names what is wrong', () => {
    person('en-US');
    const field = new AmountField();
    field.written = '100 USDT';
    expect(field.read('BTC')).toBeNull();
    expect(field.problem).toBe('This field takes an amount of BTC. Remove “USDT”.');
    field.written = 'many';
    field.read('BTC');
    expect(field.problem).toBe('This is not a number. Write it like 1234.5.');
  });
});
