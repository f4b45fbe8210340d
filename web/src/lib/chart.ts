/**
 * TradingView's chart in the page's colours. The library is a chunk of its own: import it only through `loadCharts`.
 *
 * Its attribution (the licence asks for one) is ours to show: its own logo needs an inline style, which the page's policy
 * forbids. Put `Attribution.svelte` below every chart.
 */
import type { ChartOptions, DeepPartial, IChartApi } from 'lightweight-charts';

import { locale } from './i18n.svelte';
import { printing } from './printing.svelte';

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
  probe.style.forcedColorAdjust = 'none'; // forced colours are in the tokens
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

/** Options of every chart: from its creation on (its logo is made there), and again when the colours or the language change. */
export function chartOptions(): DeepPartial<ChartOptions> {
  const crosshair = { color: colour('--line-strong'), labelBackgroundColor: colour('--accent-fill') };
  return {
    autoSize: !printing.active,
    layout: {
      background: { color: 'transparent' },
      textColor: colour('--muted'),
      fontFamily: "Inter, 'Inter fallback', system-ui, sans-serif",
      fontSize: 11,
      attributionLogo: false,
    },
    localization: { locale: locale.tag },
    grid: { vertLines: { visible: false }, horzLines: { color: colour('--grid') } },
    crosshair: { vertLine: crosshair, horzLine: crosshair },
    rightPriceScale: { borderVisible: false, entireTextOnly: true },
    timeScale: { borderVisible: false, timeVisible: true },
  };
}

/** As a chart is drawn for paper, px: its letters then have the size of the text around it, and the page has room for more. */
const PAPER = { width: 720, height: 320 };

/**
 * Draw now, and put a picture beside the chart that is as wide as the paper (app.css), until the returned function is called.
 * After the chart's options and data. The chart's own canvases would be cut, and the one with the crosshair hides the others.
 */
export function drawForPaper(chart: IChartApi): () => void {
  const element = chart.chartElement();
  chart.resize(PAPER.width, Math.min(element.clientHeight, PAPER.height), true);
  const picture = chart.takeScreenshot();
  picture.className = 'paper';
  element.after(picture);
  return () => {
    picture.remove();
    // The chart sizes itself again, and leaves the size of its outer element as it was given here.
    element.style.width = element.style.height = '100%';
  };
}
