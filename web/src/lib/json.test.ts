import { expect, test } from 'vitest';

import { parseExact } from './json';

test('numbers keep every digit that was written', () => {
  const text = '{"q":0.123456789012345678,"big":12345678901234567890.1,"small":1E-8,"zero":0,"minus":-0.50}';
  expect(parseExact(text)).toEqual({
    q: '0.123456789012345678',
    big: '12345678901234567890.1',
    small: '1E-8',
    zero: '0',
    minus: '-0.50',
  });
});

test('what only looks like a number inside text stays text, as it is', () => {
  const value = { name: 'a "1.5" b\\', 'key 2': ['3.0', '\\"4', ''], on: true, off: null };
  expect(parseExact(JSON.stringify(value))).toEqual(value);
});

test('numbers in arrays, and beside one another', () => {
  expect(parseExact('[1,-2.5,[3e5],{"a":4}]')).toEqual(['1', '-2.5', ['3e5'], { a: '4' }]);
});

test.each(['', '{', '[1,]', '01x', '{"a":1.}'])('text that is no JSON is refused: %s', (text) => {
  expect(() => parseExact(text)).toThrow(SyntaxError);
});
