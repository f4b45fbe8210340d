import { expect, test } from 'vitest';

import { faultOf } from './password';

test.each([
  ['1234567', 'password_too_short'],
  ['12345678', null],
  ['        ', null],
  ['🔑'.repeat(7), 'password_too_short'],
  ['🔑'.repeat(18), null],
  ['🔑'.repeat(19), 'password_too_long'],
  ['x'.repeat(72), null],
  ['x'.repeat(73), 'password_too_long'],
])('%j: %s', (password, fault) => {
  expect(faultOf(password)).toBe(fault);
});

test('how a keyboard writes an accent makes no difference', () => {
  for (const [password, fault] of [['é'.repeat(7), 'password_too_short'], ['é'.repeat(36), null], ['é'.repeat(37), 'password_too_long']] as const) {
    expect([faultOf(password.normalize('NFC')), faultOf(password.normalize('NFD'))]).toEqual([fault, fault]);
  }
});
