/** Dark, light, or as the system has it. The page's first lines (index.html) apply it before anything is painted. */
import { MediaQuery } from 'svelte/reactivity';

import { remembered } from './remembered';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const stored = remembered<Theme>('theme', ['light', 'dark']);
const systemDark = new MediaQuery('(prefers-color-scheme: dark)');
const forced = new MediaQuery('(forced-colors: active)');

class ThemeChoice {
  choice: Theme = $state(stored.read() ?? 'system');

  /** A name of the colours on the screen. What is drawn on a canvas is drawn again when it changes. */
  get palette(): string {
    const dark = this.choice === 'system' ? systemDark.current : this.choice === 'dark';
    return `${forced.current ? 'forced, ' : ''}${dark ? 'dark' : 'light'}`;
  }

  choose(theme: Theme): void {
    this.choice = theme;
    stored.write(theme === 'system' ? null : theme);
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
  }
}

export const theme = new ThemeChoice();
