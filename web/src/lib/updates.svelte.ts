/** The service worker, and the moment when a newer version of the app can be shown. */
class Updates {
  /** Whether a newer version is there: it waits, or has taken over from another tab. */
  ready = $state(false);
  #registration: ServiceWorkerRegistration | null = null;
  #taking = false;

  /** Show the newer version: it takes over, and the page loads it. */
  take(): void {
    this.#taking = true;
    const waiting = this.#registration?.waiting;
    if (waiting) waiting.postMessage('skip-waiting');
    else location.reload();
  }

  async watch(): Promise<void> {
    const { serviceWorker } = navigator;
    let isFirst = serviceWorker.controller === null; // the first of all is this very version
    serviceWorker.addEventListener('controllerchange', () => {
      if (this.#taking) location.reload();
      else if (!isFirst) this.ready = true;
      isFirst = false;
    });
    const registration = await serviceWorker.register('/sw.js', { updateViaCache: 'none' });
    this.#registration = registration;
    this.#look(registration);
    registration.addEventListener('updatefound', () => {
      registration.installing?.addEventListener('statechange', () => this.#look(registration));
    });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') void registration.update().catch(() => undefined); // offline: later
    });
  }

  #look(registration: ServiceWorkerRegistration): void {
    if (registration.waiting !== null && navigator.serviceWorker.controller !== null) this.ready = true;
  }
}

export const updates = new Updates();

/** Not while developing, and not where the browser has none (pages that are not served securely). */
export function offerUpdates(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  addEventListener('load', () => void updates.watch().catch(() => undefined)); // without it everything works, online
}
