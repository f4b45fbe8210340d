/** Readable name for a user agent: browser and system, as far as they are recognized. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bYaBrowser\//, 'Yandex Browser'],
  [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
  [/\b(?:Headless)?Chrom(?:e|ium)\/|\bCriOS\//, 'Chrome'],
  [/\bVersion\/[\d.]+.*\bSafari\//, 'Safari'],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];

/** Empty for an empty agent; an agent that is no browser (`curl/8.5.0`) is named by its first word. */
export function deviceOf(agent: string): string {
  const [browser, system] = [BROWSERS, SYSTEMS].map((known) => known.find(([form]) => form.test(agent))?.[1]);
  if (browser === undefined) return agent.split(/[\s/]/)[0] ?? '';
  return system === undefined ? browser : `${browser}, ${system}`;
}
