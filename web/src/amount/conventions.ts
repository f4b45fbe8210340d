/** Which signs a number has in a language: the page's, and that of the browser of the person who reads it. */
import { locale } from '../lib/i18n.svelte';

export interface Signs {
  /** What stands between groups of digits. */
  readonly group: string;
  /** The same among the language's own digits, which may be others: `١٬٢٣٤`. */
  readonly ownGroup: string;
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
  const parts = (format: Intl.NumberFormat): Intl.NumberFormatPart[] => format.formatToParts(1_234_567.5);
  const latin = parts(new Intl.NumberFormat(tag, { numberingSystem: 'latn' }));
  const group = signIn(latin, 'group');
  return { group, ownGroup: signIn(parts(new Intl.NumberFormat(tag)), 'group') || group, decimal: signIn(latin, 'decimal') || '.' };
}

function signIn(parts: readonly Intl.NumberFormatPart[], kind: 'group' | 'decimal'): string {
  return parts.find(({ type }) => type === kind)?.value ?? '';
}
