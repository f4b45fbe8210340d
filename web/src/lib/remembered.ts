/** A choice that this browser remembers; where storage is refused (private windows), it just is not. */
export interface Remembered<T extends string> {
  read(): T | null;
  write(value: T | null): void;
}

export function remembered<T extends string>(name: string, allowed: readonly T[]): Remembered<T> {
  return {
    read() {
      try {
        const value = localStorage.getItem(name);
        return allowed.find((one) => one === value) ?? null;
      } catch {
        return null;
      }
    },
    write(value) {
      try {
        if (value === null) localStorage.removeItem(name);
        else localStorage.setItem(name, value);
      } catch {
        // remembered for this page only
      }
    },
  };
}
