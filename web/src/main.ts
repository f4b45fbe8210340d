import './app.css';

import { mount } from 'svelte';

import App from './App.svelte';
import { offerUpdates } from './lib/updates.svelte';
import { session } from './session/session.svelte';

void session.resume();
mount(App, { target: document.getElementById('app')! });
offerUpdates();

// A chunk of a version that the server no longer has: the newest page knows the right ones. Once, or it would go round.
addEventListener('vite:preloadError', (event) => {
  if (sessionStorage.getItem('reloaded') !== null) return;
  event.preventDefault();
  sessionStorage.setItem('reloaded', 'yes');
  location.reload();
});
