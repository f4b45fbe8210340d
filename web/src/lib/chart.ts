/**
 * TradingView's chart in the page's colours. The library is a chunk of its own: import it only through `loadCharts`.
 *
 * Its attribution (the licence asks for one) is ours to show: its own logo needs an inline style, which the page's policy
 * forbids. Put `Attribution.svelte` below every chart.
 */
import type { ChartOptions, DeepPartial } from 'lightweight-charts';

import { locale } from './i18n.svelte';

export type Charts = typeof import('lightweight-charts');

/** Rejects when the code does not come. */
export async function loadCharts(): Promise<Charts> {
  const charts = (await import('lightweight-charts')) as Charts | undefined;
  // Nothing comes, and no error either, where main.ts has answered the failure by loading the page anew.
  if (charts === undefined) throw new Error('the page is being loaded anew');
  return charts;
}

/** What a token of app.css is now, as `rgb(…)`: the canvas knows no `light-dark()`. */
export function colour(token: `--${string}`): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const computed = getComputedStyle(probe).color;
  probe.remove();
  return computed;
}

/** The same colour, more or less transparent. */
export function faded(token: `--${string}`, opacity: number): string {
  const [red = '0', green = '0', blue = '0'] = colour(token).match(/[\d.]+/g) ?? [];
  return `rgba(${red}, ${green}, ${blue}, ${opacity})`;
}

/** Options of every chart: from its creation on (its logo is made there), and again when the theme or the language changes. */
export function chartOptions(): DeepPartial<ChartOptions> {
  const line = colour('--line');
  const crosshair = { color: colour('--line-strong'), labelBackgroundColor: colour('--accent-fill') };
  return {
    autoSize: true,
    layout: {
      background: { color: 'transparent' },
      textColor: colour('--muted'),
      fontFamily: "Inter, 'Inter fallback', system-ui, sans-serif",
      fontSize: 11,
      attributionLogo: false,
    },
    localization: { locale: locale.tag },
    grid: { vertLines: { visible: false }, horzLines: { color: line } },
    crosshair: { vertLine: crosshair, horzLine: crosshair },
    rightPriceScale: { borderVisible: false, entireTextOnly: true },
    timeScale: { borderVisible: false, timeVisible: true },
  };
}
