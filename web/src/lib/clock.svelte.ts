/** The time by the server's clock, as learned from its responses; updated once a second for everything that shows an age. */
class Clock {
  /** ms; changes once a second while the page is visible. */
  now = $state(Date.now());
  #offset = 0;

  constructor() {
    setInterval(() => this.#tick(), 1000);
    if (typeof document !== 'undefined') document.addEventListener('visibilitychange', () => this.#tick());
  }

  /** Learn from a response's `Date`, which has whole seconds: smaller differences are ignored. */
  hear(date: string | null): void {
    const server = date === null ? NaN : Date.parse(date);
    if (Number.isNaN(server)) return;
    const offset = server + 500 - Date.now();
    this.#offset = Math.abs(offset) < 2000 ? 0 : offset;
  }

  /** ms, now. */
  read(): number {
    return Date.now() + this.#offset;
  }

  #tick(): void {
    if (typeof document === 'undefined' || document.visibilityState === 'visible') this.now = this.read();
  }
}

export const clock = new Clock();
