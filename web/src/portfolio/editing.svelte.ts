/** Which coin's amount is being edited: one at a time. */
class Editing {
  symbol: string | null = $state(null);

  start(symbol: string): void {
    this.symbol = symbol;
  }

  stop(): void {
    this.symbol = null;
  }
}

export const editing = new Editing();
