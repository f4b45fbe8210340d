/** A field for the amount of a coin: what is written in it, and what the person is asked or shown about it. */
import { decimal, text as plainText, trimmed } from '../lib/decimal';
import { locale } from '../lib/i18n.svelte';
import { amountOf } from './amount';
import { signsOf } from './conventions';
import { t } from './messages';

export class AmountField {
  written = $state('');
  problem = $state('');
  /** What the person may have meant, where that is not clear. */
  question: readonly [string, string] | null = $state.raw(null);
  /** The value that stands behind `written`, as long as that is not changed. */
  #settled: { readonly written: string; readonly value: string } | null = null;

  /** Begin with a known value, or with none. */
  reset(value: string | null = null): void {
    this.changed();
    this.written = '';
    this.#settled = null;
    if (value !== null) this.settle(value);
  }

  /** What was asked or shown is about what was written before. */
  changed(): void {
    this.problem = '';
    this.question = null;
  }

  /** The person means this value. */
  settle(value: string): void {
    this.changed();
    const written = editable(value);
    this.written = written; // not read here: an effect that settles a value must not depend on it
    this.#settled = { written, value };
  }

  /** The value, as decimal text > 0; null where a question or a problem now shows. */
  read(coin: string): string | null {
    this.changed();
    if (this.#settled?.written === this.written) return this.#settled.value;
    const amount = amountOf(this.written, coin);
    if (amount.kind === 'amount') return amount.value;
    if (amount.kind === 'question') this.question = amount.values;
    else this.problem = t(amount.fault, { coin, unit: amount.unit, example: editable('1234.5') });
    return null;
  }

  /** The value as far as it is clear; shows nothing. */
  peek(coin: string): string | null {
    if (this.#settled?.written === this.written) return this.#settled.value;
    const amount = amountOf(this.written, coin);
    return amount.kind === 'amount' ? amount.value : null;
  }
}

/** To the last digit, without groups: every sign in it is the decimal one. */
export function editable(value: string): string {
  return plainText(trimmed(decimal(value))).replace('.', signsOf(locale.tag).decimal);
}
