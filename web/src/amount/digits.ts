/** Typed text in ASCII: digits of any script, full-width signs, every kind of blank. Nothing else changes. */

/** The zero of each script's digits, as they are contiguous in Unicode. */
const ZEROS = [...'٠۰߀०০੦૦୦௦౦೦൦๐໐༠၀០᠐０'].map((zero) => zero.codePointAt(0) ?? 0);

const SIGNS: Readonly<Record<string, string>> = { '，': ',', '．': '.', '＇': "'", '’': "'", '‘': "'", 'ʼ': "'", '＋': '+', '－': '-', '−': '-' };

/** Marks of direction and of width zero come along with what is pasted, and mean nothing in a number. */
const INVISIBLE = /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;

export function ascii(text: string): string {
  return [...text.replace(INVISIBLE, '').replace(/\p{Zs}/gu, ' ')].map((one) => SIGNS[one] ?? digit(one)).join('').trim();
}

function digit(one: string): string {
  const code = one.codePointAt(0) ?? 0;
  const zero = code < 0x80 ? undefined : ZEROS.find((first) => code >= first && code <= first + 9);
  return zero === undefined ? one : String(code - zero);
}
