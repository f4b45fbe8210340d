/**
 * Decimal numbers as people write them: `0.125`, `0,125`, `1 234,5`, `1'234.5`, `1,00,000`, `1e5`.
 *
 * The language of the page is not the language of the number. Both `,` and `.` may stand before the decimals in any
 * language; they may stand between groups only where the groups are whole and the first does not begin with 0. A number
 * that can be read both ways (`1,234`) has two readings: the person has to choose, unless all of the browser's languages agree.
 */
import { decimal, text, trimmed } from '../lib/decimal';

/** What may stand between groups of digits; `٬` is Arabic. */
const GROUP_SIGNS = [',', '.', ' ', "'", '_', '٬'];
const DECIMAL_SIGNS = [',', '.', '٫'];

const FORM = /^\+?([\d,. '_٫٬]*\d)(?:[eE]([+-]?\d{1,3}))?$/;
const GROUPS_OF_THREE = /^[1-9]\d{0,2}(\|\d{3})+$/;
/** Lakh and crore: the last group has three digits, the others two. */
const INDIAN_GROUPS = /^[1-9]\d?(\|\d{2})*\|\d{3}$/;

/**
 * The values that `written` (in ASCII, see `ascii`) can have, as plain decimal text: none, one, or two, of which the first is
 * the one with decimals. `grouping` returns whether `,` or `.` can stand between groups here: where it cannot,
 * a single one is a decimal sign.
 */
export function readings(written: string, grouping: (sign: string) => boolean): readonly string[] {
  const [, mantissa, exponent = '0'] = FORM.exec(written) ?? [];
  if (mantissa === undefined) return [];
  const fractional = withDecimals(mantissa);
  const whole = withoutDecimals(mantissa, fractional === null ? () => true : grouping);
  const found = [fractional, whole].filter((plain) => plain !== null);
  return [...new Set(found.map((plain) => text(trimmed(decimal(`${plain}e${exponent}`)))))];
}

/** The last sign read as the decimal one, what stands before it as groups or as plain digits. */
function withDecimals(written: string): string | null {
  const at = Math.max(...DECIMAL_SIGNS.map((sign) => written.lastIndexOf(sign)));
  if (at < 0 || written.indexOf(written.charAt(at)) !== at) return null;
  const [before, after] = [written.slice(0, at), written.slice(at + 1)];
  const whole = before === '' ? '0' : withoutDecimals(before, () => true);
  return whole === null || !/^\d+$/.test(after) ? null : `${whole}.${after}`;
}

function withoutDecimals(written: string, grouping: (sign: string) => boolean): string | null {
  if (/^\d+$/.test(written)) return written;
  const sign = /\D/.exec(written)?.[0] ?? '';
  if (!GROUP_SIGNS.includes(sign) || !grouping(sign)) return null;
  const marked = written.replaceAll(sign, '|');
  return GROUPS_OF_THREE.test(marked) || INDIAN_GROUPS.test(marked) ? marked.replaceAll('|', '') : null;
}
