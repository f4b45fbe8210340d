import { expect, test } from 'vitest';

import { add, approximate, compare, decimal, divide, multiply, negate, percent, round, sign, subtract, text, ZERO } from './decimal';

const of = decimal;

test.each([
  ['1.50', '1.50'],
  ['-0.000000000000000001', '-0.000000000000000001'],
  ['1E-8', '0.00000001'],
  ['2.5e3', '2500'],
  ['+7', '7'],
  ['5.', '5'],
  ['99999999999999999999.999999999999999999', '99999999999999999999.999999999999999999'],
])('%s is read and written exactly', (input, output) => {
  expect(text(of(input))).toBe(output);
});

test.each(['', 'abc', '1,5', '.5', '1.2.3', 'NaN', 'Infinity', '1e99999'])('%s is no decimal number', (input) => {
  expect(() => of(input)).toThrow(RangeError);
});

test('sums and products lose nothing, where floats would', () => {
  expect(text(add(of('0.1'), of('0.2')))).toBe('0.3');
  expect(text(multiply(of('0.123456789012345678'), of('68123.45')))).toBe('8410.30239344308017794910');
});

test('what is subtracted can be added again', () => {
  const [a, b] = [of('12345678901234567890.000000000000000001'), of('0.999999999999999999')];
  expect(compare(add(subtract(a, b), b), a)).toBe(0);
});

test.each([
  ['1', '3', 4, '0.3333'],
  ['2', '3', 4, '0.6667'],
  ['1', '8', 2, '0.12'],
  ['3', '8', 2, '0.38'],
  ['-1', '8', 2, '-0.12'],
  ['1', '-3', 2, '-0.33'],
  ['1000', '0.001', 0, '1000000'],
  ['0.00000001', '30000', 4, '0.0000'],
])('%s ÷ %s at %i places, half to even, is %s', (a, b, places, quotient) => {
  const result = divide(of(a), of(b), places);
  expect(result && text(result)).toBe(quotient);
});

test('nothing can be divided by zero, and nothing is a share of nothing', () => {
  expect(divide(of('1'), ZERO, 2)).toBeNull();
  expect(percent(of('1'), of('0.00'))).toBeNull();
});

test.each([
  ['2.675', 2, '2.68'],
  ['2.665', 2, '2.66'],
  ['-2.665', 2, '-2.66'],
  ['0.5', 0, '0'],
  ['1.5', 0, '2'],
  ['7', 3, '7.000'],
])('%s rounded at %i places is %s', (input, places, output) => {
  expect(text(round(of(input), places))).toBe(output);
});

test('percent is exact before it is rounded', () => {
  expect(text(percent(of('1'), of('3'), 6) ?? ZERO)).toBe('33.333333');
});

test('signs and order', () => {
  expect([sign(of('-0.1')), sign(of('0.00')), sign(of('3'))]).toEqual([-1, 0, 1]);
  expect(compare(of('1.0'), of('1'))).toBe(0);
  expect(compare(negate(of('1')), of('0.5'))).toBeLessThan(0);
  expect(approximate(of('0.125'))).toBe(0.125);
});
