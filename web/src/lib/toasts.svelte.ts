/** Short messages at the edge of the page, one line each, some with one action. */
export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: 'plain' | 'error';
  readonly action?: { readonly label: string; readonly run: () => void };
  /** Whether the action takes back what was done: Ctrl+Z does it too. */
  readonly undoes: boolean;
  /** Whether it stays until it is answered, even by another user. */
  readonly stays: boolean;
}

type Options = Partial<Pick<Toast, 'tone' | 'action' | 'undoes' | 'stays'>>;

const SHOWN_MS = 8000;
const MOST = 3;

class Toasts {
  list: readonly Toast[] = $state.raw([]);
  #next = 1;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  show(text: string, options: Options = {}): number {
    const id = this.#next++;
    const shown: Toast = { id, text, tone: 'plain', undoes: false, stays: false, ...options };
    const passing = this.#passing;
    for (const old of passing.slice(0, Math.max(0, passing.length - MOST + 1))) this.dismiss(old.id);
    this.list = [...this.list, shown];
    this.resume(id);
    return id;
  }

  dismiss(id: number): void {
    this.pause(id);
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  /** A message to one user is not shown to the next. */
  clear(): void {
    for (const { id } of this.#passing) this.dismiss(id);
  }

  /** It stays while it is pointed at or contains the focus. */
  pause(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  resume(id: number): void {
    this.pause(id);
    if (!this.#passing.some((toast) => toast.id === id)) return;
    this.#timers.set(id, setTimeout(() => this.dismiss(id), SHOWN_MS));
  }

  /** Take back what was done last, while that is offered; whether it was. */
  undo(): boolean {
    const toast = this.list.findLast((one) => one.undoes);
    if (toast?.action === undefined) return false;
    this.dismiss(toast.id);
    toast.action.run();
    return true;
  }

  get #passing(): readonly Toast[] {
    return this.list.filter(({ stays }) => !stays);
  }
}

export const toasts = new Toasts();
