/** A hole in the trades as a sentence. */
import { text, type Decimal } from '../lib/decimal';
import { dateTime, exact } from '../lib/format';
import { locale } from '../lib/i18n.svelte';
import type { Hole, HoleUnit } from './holes';
import { t } from './messages';

/** The reasons of the ledger that have words; another one is shown as it is. */
const WHY = new Map([
  ['pending', 'missing_pending'],
  ['too_long', 'missing_too_long'],
  ['exchange_lacks', 'missing_exchange_lacks'],
] as const);

/** When, how many, and why. */
export function sentenceOf({ t: start, missing, reasons }: Hole, unit: HoleUnit): string {
  const time = unit === '1h' ? dateTime(start) : new Intl.DateTimeFormat(locale.tag, { dateStyle: 'medium', timeZone: 'UTC' }).format(start);
  const why = reasons.map(wordsOf).join(', ');
  return `${time}: ${t(unit === '1h' ? 'missingHour' : 'missingDay', counted(missing))}${why === '' ? '' : `: ${why}`}.`;
}

/** `n` chooses the plural form, `count` is shown. */
function counted(missing: Decimal): { readonly n: number; readonly count: string } {
  return { n: Number(text(missing)), count: exact(missing) };
}

function wordsOf(reason: string): string {
  const key = [...WHY].find(([known]) => known === reason)?.[1];
  return key === undefined ? reason : t(key);
}
