import './app.css';

import { mount } from 'svelte';

import { explain } from './api/errors';
import App from './App.svelte';
import { toasts } from './lib/toasts.svelte';
import { offerUpdates } from './lib/updates.svelte';
import { session } from './session/session.svelte';

// index.html has looked at the browser, and shows why there is nothing else.
if (!document.documentElement.classList.contains('outdated')) {
  session.resume().catch((error: unknown) => toasts.show(explain(error), { tone: 'error' }));
  mount(App, { target: document.getElementById('app')! });
}
offerUpdates();

/** What reloading has not cured by then, it does not. */
const RELOAD_EVERY_MS = 60_000;

// A chunk of a version that the server no longer has: the newest page knows the right ones. Not at once again, or it would go round.
addEventListener('vite:preloadError', (event) => {
  if (Date.now() - Number(sessionStorage.getItem('reloaded')) < RELOAD_EVERY_MS) return;
  event.preventDefault();
  sessionStorage.setItem('reloaded', String(Date.now()));
  location.reload();
});
