/** Whether the page is being printed: true before the browser lays it out for paper, until that is done. */
import { flushSync } from 'svelte';

class Printing {
  active = $state(false);

  constructor() {
    // What a page shows is taken as it is when the listeners have returned: nothing may wait for a later task or frame.
    addEventListener('beforeprint', () => this.#set(true));
    addEventListener('afterprint', () => this.#set(false));
  }

  #set(active: boolean): void {
    document.documentElement.classList.toggle('printing', active);
    flushSync(() => {
      this.active = active;
    });
  }
}

export const printing = new Printing();
