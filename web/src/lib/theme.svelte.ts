/** Dark, light, or as the system has it. The page's first lines (index.html) apply it before anything is painted. */
import { remembered } from './remembered';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const stored = remembered<Theme>('theme', ['light', 'dark']);
const systemDark = matchMedia('(prefers-color-scheme: dark)');

class ThemeChoice {
  choice: Theme = $state(stored.read() ?? 'system');
  #systemIsDark = $state(systemDark.matches);

  constructor() {
    systemDark.addEventListener('change', (event) => {
      this.#systemIsDark = event.matches;
    });
  }

  /** What is shown now. */
  get dark(): boolean {
    return this.choice === 'system' ? this.#systemIsDark : this.choice === 'dark';
  }

  choose(theme: Theme): void {
    this.choice = theme;
    stored.write(theme === 'system' ? null : theme);
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
  }
}

export const theme = new ThemeChoice();
