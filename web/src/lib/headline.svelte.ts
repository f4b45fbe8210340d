/** What a page puts first in the tab's title in place of the portfolio's total; null: nothing. */
class Headline {
  text: string | null = $state(null);
}

export const headline = new Headline();
