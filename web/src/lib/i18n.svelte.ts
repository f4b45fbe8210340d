/**
 * The language of the page. Each area keeps its own sentences (`messages.ts`); both languages have the same keys, or the
 * build fails. `translator(messages)` gives the area's `t`.
 */
import { remembered } from './remembered';

export const LANGUAGES = ['en', 'ru'] as const;
export type Language = (typeof LANGUAGES)[number];

type Parameters_ = Readonly<Record<string, string | number>>;
/** A sentence, with `{name}` where a parameter goes; or one for each plural form of `{n}`. */
type Sentence = string | Partial<Readonly<Record<Intl.LDMLPluralRule, string>>>;

const stored = remembered<Language>('language', LANGUAGES);

class Locale {
  language: Language = $state(stored.read() ?? preferred());

  choose(language: Language): void {
    this.language = language;
    stored.write(language);
  }

  /** For Intl: the browser's own region where it fits the language (`en-GB`), else the language. */
  get tag(): string {
    return navigator_().find((tag) => tag === this.language || tag.startsWith(`${this.language}-`)) ?? this.language;
  }
}

export const locale = new Locale();

/** The sentences of an area in every language. Keys that one lacks are type errors. */
export function messages<const M extends Readonly<Record<string, Sentence>>>(
  en: M,
  ru: { readonly [K in keyof M]: Sentence },
): Readonly<Record<Language, Readonly<Record<keyof M & string, Sentence>>>> {
  return { en, ru };
}

export function translator<K extends string>(all: Readonly<Record<Language, Readonly<Record<K, Sentence>>>>) {
  return (key: K, parameters: Parameters_ = {}): string => {
    const sentence = all[locale.language][key];
    const chosen = typeof sentence === 'string' ? sentence : plural(sentence, Number(parameters['n'] ?? 0));
    return chosen.replace(/\{(\w+)\}/g, (_, name: string) => String(parameters[name] ?? ''));
  };
}

function plural(forms: Exclude<Sentence, string>, n: number): string {
  return forms[new Intl.PluralRules(locale.language).select(n)] ?? forms.other ?? '';
}

function preferred(): Language {
  const first = navigator_().map((tag) => LANGUAGES.find((language) => tag.split('-')[0] === language));
  return first.find((language) => language !== undefined) ?? 'en';
}

function navigator_(): readonly string[] {
  return typeof navigator === 'undefined' ? [] : (navigator.languages ?? []);
}
