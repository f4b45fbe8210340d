/** Whose amount the dialog asks for. Somebody who is not logged in is led to where that can be changed. */
import { loginPath, router } from '../lib/router.svelte';
import { session } from '../session/session.svelte';

class HoldingDialogState {
  symbol: string | null = $state(null);

  open(symbol: string): void {
    if (session.state === 'out') router.go(loginPath());
    else this.symbol = symbol;
  }

  close(): void {
    this.symbol = null;
  }
}

export const holdingDialog = new HoldingDialogState();
