/** The oldest browsers (README.md, vite.config.ts) lack these. The compiler writes older syntax; it adds no API. */
import { expect, test } from 'vitest';

const SOURCES = import.meta.glob<string>(['../**/*.ts', '../**/*.svelte', '!../**/*.test.ts', '!../api/schema.d.ts'], { query: '?raw', import: 'default', eager: true });

const YOUNGER: Readonly<Record<string, RegExp>> = {
  'AbortSignal.any: Safari 17.4, Firefox 124': /AbortSignal\s*\.\s*any\b/,
  'Promise.withResolvers: Chrome 119, Firefox 121, Safari 17.4': /Promise\s*\.\s*(withResolvers|try)\b/,
  'Object.groupBy, Map.groupBy: Chrome 117, Firefox 119, Safari 17.4': /\b(Object|Map)\s*\.\s*groupBy\b/,
  'Array.fromAsync: Chrome 121': /Array\s*\.\s*fromAsync\b/,
  'methods of sets: Chrome 122, Firefox 127, Safari 17': /\.(isSubsetOf|isSupersetOf|isDisjointFrom|symmetricDifference|intersection)\(/,
  'helpers of iterators: Chrome 122, Firefox 131, Safari 18.4': /\.(values|keys|entries)\(\)\s*\.(map|filter|take|drop|flatMap|reduce|toArray|some|every|find|forEach)\(/,
  'URL.canParse, URL.parse: Chrome 120': /\bURL\s*\.\s*(canParse|parse)\b/,
  'Intl.DurationFormat, Intl.Segmenter: Firefox 125': /Intl\s*\.\s*(DurationFormat|Segmenter)\b/,
  'RegExp with the flag v: Chrome 112, Firefox 116, Safari 17': /\/[a-z]*v[a-z]*\.(test|exec)\(/,
  'isWellFormed: Firefox 119': /\.(isWellFormed|toWellFormed)\(/,
  'requestIdleCallback: not in Safari': /\brequestIdleCallback\b/,
  'scheduler: Firefox 142, not in Safari': /\bscheduler\s*\.\s*(yield|postTask)\b/,
  'view transitions: Chrome 111, Firefox 144, Safari 18': /startViewTransition/,
  'popover: Firefox 125, Safari 17': /\bpopover(target)?=|showPopover/,
  'closedby of dialogs: Chrome 134': /\bclosedby=/,
  ':has(): Firefox 121': /:has\(/,
  '@starting-style, @scope, @property: Firefox 128': /@(starting-style|scope|property)\b/,
  'field-sizing: Chrome 123': /field-sizing\s*:/,
};

test.each(Object.entries(YOUNGER))('nothing needs %s', (_, form) => {
  expect(Object.entries(SOURCES).flatMap(([path, source]) => (form.test(source) ? [path] : []))).toEqual([]);
});

test('there is something to look at', () => {
  expect(Object.keys(SOURCES).length).toBeGreaterThan(80);
});
