/** Numbers and times as a person reads them, in the page's language. Reads `locale`, so views follow a change of language. */
import { compare, decimal, round, sign, text, trimmed, type Decimal } from './decimal';
import { locale } from './i18n.svelte';
import type { Num } from './json';

/** As the decimal was written: no digit added, none lost. `atLeast` pads with zeros so that columns stand still. */
export function exact(value: Decimal | Num, atLeast = 0): string {
  const { digits, scale } = trimmed(of(value));
  const places = Math.max(scale, atLeast);
  return number(text(round({ digits, scale }, places)), places, places);
}

/** The same as `exact` for a machine: plain notation with a point, in every language. */
export function plain(value: Decimal | Num): string {
  return text(trimmed(of(value)));
}

/** Rounded half to even at `places`, all of them shown. */
export function fixed(value: Decimal | Num, places = 2): string {
  return number(text(round(of(value), places)), places, places);
}

const CENT = decimal('0.01');

/** Money: two places; what would vanish in them gets as many as show two digits of it. */
export function money(value: Decimal | Num): string {
  const amount = of(value);
  const size = sizeOf(amount);
  if (sign(size) === 0 || compare(size, CENT) >= 0) return fixed(amount, 2);
  const places = Math.min(18, amount.scale - size.digits.toString().length + 2);
  return exact(round(amount, places), 2);
}

/** A rate: six digits, and never fewer than two places; one that is a quotient has no end. */
export function rate(value: Decimal | Num): string {
  const amount = of(value);
  const places = Math.max(2, amount.scale - sizeOf(amount).digits.toString().length + 6);
  return exact(round(amount, Math.min(places, amount.scale)), 2);
}

/** Sign always shown, so that the direction does not depend on colour; `form` shows the size. */
export function signed(value: Decimal | Num, form: (size: Decimal) => string): string {
  const amount = of(value);
  return `${['−', '', '+'][sign(amount) + 1]}${form(sizeOf(amount))}`;
}

/** `+1.25%`. */
export function signedPercent(value: Decimal | Num, places = 2): string {
  return `${signed(round(of(value), places), (size) => fixed(size, places))}%`;
}

function sizeOf({ digits, scale }: Decimal): Decimal {
  return { digits: digits < 0n ? -digits : digits, scale };
}

export function percentage(value: Decimal | Num, places = 1): string {
  return `${fixed(value, places)}%`;
}

/** `1.2M`: for volumes, where magnitude is all that is read. `atLeast` places keep a column still. */
export function compact(value: Decimal | Num, atLeast = 0): string {
  return formatter(`compact ${atLeast}`, { notation: 'compact', minimumFractionDigits: atLeast, maximumFractionDigits: 2 }).format(text(of(value)) as Intl.StringNumericLiteral);
}

/** `now`, `5s`, `3min`, `2h`, `4d`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 2) return made('now', (tag) => new Intl.RelativeTimeFormat(tag, { numeric: 'auto' })).format(0, 'second');
  const [value, unit] =
    seconds < 60
      ? ([seconds, 'second'] as const)
      : seconds < 3600
        ? ([Math.floor(seconds / 60), 'minute'] as const)
        : seconds < 86_400
          ? ([Math.floor(seconds / 3600), 'hour'] as const)
          : ([Math.floor(seconds / 86_400), 'day'] as const);
  return formatter(unit, { style: 'unit', unit, unitDisplay: 'narrow' }).format(value);
}

export function dateTime(ms: number): string {
  return made('date', (tag) => new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'short' })).format(ms);
}

export function clockTime(ms: number): string {
  return made('time', (tag) => new Intl.DateTimeFormat(tag, { timeStyle: 'medium' })).format(ms);
}

const formatters = new Map<string, object>();

/** Intl's formatters cost a hundred times what formatting with them does: one of a kind for each language. */
function made<F extends object>(name: string, make: (tag: string) => F): F {
  const key = `${locale.tag} ${name}`;
  let found = formatters.get(key) as F | undefined;
  if (found === undefined) {
    found = make(locale.tag);
    formatters.set(key, found);
  }
  return found;
}

function formatter(name: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return made(name, (tag) => new Intl.NumberFormat(tag, options));
}

/** Intl formats decimal text of any length exactly (ECMA-402, NumberFormat v3). */
function number(plain: string, least: number, most: number): string {
  const options = { minimumFractionDigits: least, maximumFractionDigits: most };
  return formatter(`${least}-${most}`, options).format(plain as Intl.StringNumericLiteral);
}

function of(value: Decimal | Num): Decimal {
  return typeof value === 'string' ? decimal(value) : value;
}
