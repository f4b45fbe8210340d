import { beforeEach, expect, test } from 'vitest';

import { locale, messages, translator } from './i18n.svelte';

const t = translator(
  messages(
    { hello: 'Hello, {name}!', coins: { one: '{n} coin', other: '{n} coins' } },
    { hello: 'Привет, {name}!', coins: { one: '{n} монета', few: '{n} монеты', many: '{n} монет', other: '{n} монеты' } },
  ),
);

beforeEach(() => {
  locale.language = 'en';
});

test('sentences take their parameters, as text', () => {
  expect(t('hello', { name: '$& {n}' })).toBe('Hello, $& {n}!');
});

test('plural forms are the language’s own', () => {
  expect([1, 2, 5].map((n) => t('coins', { n }))).toEqual(['1 coin', '2 coins', '5 coins']);
  locale.language = 'ru';
  expect([1, 2, 5, 11, 21, 22].map((n) => t('coins', { n }))).toEqual([
    '1 монета',
    '2 монеты',
    '5 монет',
    '11 монет',
    '21 монета',
    '22 монеты',
  ]);
});
