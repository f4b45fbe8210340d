import { messages, translator } from '../lib/i18n.svelte';

export const t = translator(
  messages(
    {
      empty: 'Enter an amount.',
      unreadable: 'This is not a number. Write it like {example}.',
      negative: 'An amount cannot be negative.',
      zero: 'An amount must be greater than 0.',
      range: 'An amount has at most 20 digits before the decimal point and 18 after it.',
      unit: 'This field takes an amount of {coin}. Remove “{unit}”.',
      question: '“{text}” can be read in two ways. Which one do you mean?',
      whole: 'whole number',
      between: 'between {less} and {more}',
    },
    {
      empty: 'Укажите количество.',
      unreadable: 'Это не число. Пример: {example}.',
      negative: 'Количество не может быть отрицательным.',
      zero: 'Количество должно быть больше нуля.',
      range: 'Не больше 20 цифр до запятой и 18 после.',
      unit: 'Здесь указывают количество {coin}. Уберите «{unit}».',
      question: '«{text}» можно прочитать по-разному. Какое число вы имели в виду?',
      whole: 'целое число',
      between: 'между {less} и {more}',
    },
  ),
);
