/** The amount of a coin that a person typed: what the API takes, a question, or what is wrong with it. */
import { ascii } from './digits';
import { everyTag, signsOf, tags } from './conventions';
import { readings } from './numerals';
import { isOf, measured } from './units';

/** NUMERIC(38,18). */
const MOST_WHOLE_DIGITS = 20;
const MOST_PLACES = 18;

export type Fault = 'empty' | 'unreadable' | 'negative' | 'zero' | 'range' | 'unit';

export type Amount =
  | { readonly kind: 'amount'; readonly value: string }
  /** It can be read in two ways, and not all of the person's languages agree; the first is the one of the first language. */
  | { readonly kind: 'question'; readonly values: readonly [string, string] }
  | { readonly kind: 'fault'; readonly fault: Fault; readonly unit: string };

/** `coin` is the base asset, as the exchange writes it. Values are plain decimal text > 0 that fits the API. */
export function amountOf(input: string, coin: string): Amount {
  const written = ascii(input);
  if (written === '') return fault('empty');
  const { number: digits, unit } = measured(written, coin);
  const number = withoutTail(digits);
  if (number.startsWith('-')) return fault(readings(number.slice(1), () => false).length > 0 ? 'negative' : 'unreadable');
  const signs = tags().map(groupSign);
  const found = readings(number, (sign) => !',.'.includes(sign) || signs.includes(sign));
  if (found.length === 0) return fault('unreadable');
  if (!isOf(unit, coin)) return fault('unit', unit);
  const possible = found.filter((value) => faultOf(value) === null);
  const [first, second] = possible;
  if (first === undefined) return fault(faultOf(found[0] ?? '') ?? 'unreadable');
  if (second === undefined) return { kind: 'amount', value: first };
  if (everyTag().every((tag) => groupSigns(tag).every((sign) => number.includes(sign)))) return { kind: 'amount', value: second };
  // Of two readings, that of the first language's groups comes first.
  return { kind: 'question', values: number.includes(signs[0] ?? ' ') ? [second, first] : [first, second] };
}

/** Without one sign at the end, as a list or a sentence leaves it: it separates nothing, neither groups nor decimals. */
function withoutTail(digits: string): string {
  const tail = /\d([,.٫])$/.exec(digits)?.[1];
  return tail !== undefined && digits.indexOf(tail) === digits.length - 1 ? digits.slice(0, -1) : digits;
}

function groupSign(tag: string): string {
  return ascii(signsOf(tag).group) || ' ';
}

/** In ASCII digits and in the language's own. */
function groupSigns(tag: string): readonly string[] {
  return [groupSign(tag), ascii(signsOf(tag).ownGroup) || ' '];
}

function faultOf(value: string): Fault | null {
  if (!/[1-9]/.test(value)) return 'zero';
  const [whole = '', places = ''] = value.split('.');
  return whole.length <= MOST_WHOLE_DIGITS && places.length <= MOST_PLACES ? null : 'range';
}

function fault(kind: Fault, unit = ''): Amount {
  return { kind: 'fault', fault: kind, unit };
}
