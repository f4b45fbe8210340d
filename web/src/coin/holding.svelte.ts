/** The coin whose amount the dialog asks for. A visitor who is not logged in is sent to the login page. */
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
