/** The service worker, and the moment when a newer version of the app waits to be shown. */
class Updates {
  /** Whether a newer version is ready. */
  waiting = $state(false);
  #registration: ServiceWorkerRegistration | null = null;

  /** Show the newer version: it takes over, and the page loads it. */
  take(): void {
    navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    this.#registration?.waiting?.postMessage('skip-waiting');
  }

  async watch(): Promise<void> {
    const registration = await navigator.serviceWorker.register('/sw.js', { updateViaCache: 'none' });
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
    this.waiting = registration.waiting !== null && navigator.serviceWorker.controller !== null;
  }
}

export const updates = new Updates();

/** Not while developing, and not where the browser has none (pages that are not served securely). */
export function offerUpdates(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  addEventListener('load', () => void updates.watch().catch(() => undefined)); // without it everything works, online
}
