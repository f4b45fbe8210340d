/** Which signs a number has in a language: the page's, and that of the browser of the person who reads it. */
import { locale } from '../lib/i18n.svelte';

export interface Signs {
  /** What stands between groups of digits. */
  readonly group: string;
  /** What stands before the decimals. */
  readonly decimal: string;
}

/** Intl's formatters are slow to make. */
const known = new Map<string, Signs>();

export function signsOf(tag: string): Signs {
  const found = known.get(tag) ?? made(tag);
  known.set(tag, found);
  return found;
}

/** The browser's own language, then the page's: a person may read an English page and count in German. */
export function tags(): readonly string[] {
  const [own] = browserTags();
  return own === undefined || own === locale.tag ? [locale.tag] : [own, locale.tag];
}

/** All that the person may count in: the browser's languages, each also without its region (`en-DE` is read by both), and the page's. */
export function everyTag(): readonly string[] {
  return [...new Set([...browserTags(), locale.tag, locale.language].flatMap((tag) => [tag, tag.replace(/-.*/, '')]))];
}

function browserTags(): readonly string[] {
  return typeof navigator === 'undefined' ? [] : (navigator.languages ?? []);
}

function made(tag: string): Signs {
  const parts = new Intl.NumberFormat(tag, { numberingSystem: 'latn' }).formatToParts(1_234_567.5);
  const sign = (kind: 'group' | 'decimal'): string => parts.find(({ type }) => type === kind)?.value ?? '';
  return { group: sign('group'), decimal: sign('decimal') || '.' };
}
