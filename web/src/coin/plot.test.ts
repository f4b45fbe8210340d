import { expect, test, vi } from 'vitest';

import { Axis } from '../lib/axis';
import type { Charts } from '../lib/chart';
import type { Num } from '../lib/json';
import type { Candle } from './candles';
import { Plot } from './plot';

const palette = vi.hoisted(() => ({ name: 'light' }));
vi.mock('../lib/chart', () => {
  const colour = (token: string) => `${palette.name}${token}`;
  return { chartOptions: () => ({}), colour, faded: colour };
});

const num = (value: number): Num => String(value) as Num;
const candle = (minute: number, o: number, c: number): Candle => ({ t: minute * 60_000, o: num(o), h: num(9), l: num(1), c: num(c), v: null, v24: null, n: null, vwap: null });

type Options = Record<string, unknown>;

/** The library as far as it is used here: it keeps the options that each kind of series has, and the data of the last histogram, the marks'. */
function fakeCharts() {
  const options: Record<string, Options> = {};
  const marks: unknown[] = [];
  const scale = { applyOptions: () => undefined, setVisibleLogicalRange: () => undefined, setAutoScale: () => undefined, subscribeVisibleLogicalRangeChange: () => undefined };
  const series = (kind: string, given: Options = {}) => {
    const own = (options[kind] = { ...given });
    return { applyOptions: (more: Options) => void Object.assign(own, more), setData: (data: readonly unknown[]) => void (kind === 'columns' && marks.splice(0, Infinity, ...data)), update: () => undefined };
  };
  const chart = { addSeries: series, applyOptions: () => undefined, priceScale: () => scale, subscribeCrosshairMove: () => undefined, timeScale: () => scale };
  const charts = { createChart: () => chart, CandlestickSeries: 'candles', AreaSeries: 'area', HistogramSeries: 'columns', LineSeries: 'line' };
  return { charts: charts as unknown as Charts, options, marks };
}

function plotted(candles: readonly Candle[]) {
  const { charts, options, marks } = fakeCharts();
  const axis = new Axis('1m', 0);
  const plot = new Plot(charts, {} as HTMLElement, axis, 2, { pointed: () => undefined, leftEdge: () => undefined });
  plot.show(candles, axis, 0);
  return { plot, drawn: () => options['candles'] ?? {}, marks };
}

test('the chart draws rising candles hollow and falling ones filled', () => {
  const { drawn } = plotted([candle(0, 2, 3), candle(1, 3, 2)]);
  expect(drawn()).toMatchObject({ borderVisible: true, upColor: 'transparent', downColor: 'light--down', borderUpColor: 'light--up', borderDownColor: 'light--down' });
});

test('the price has its line and label in the colour of the last candle, hollow or not', () => {
  const { plot, drawn } = plotted([candle(0, 2, 3)]);
  expect(drawn()['priceLineColor']).toBe('light--up');
  plot.update(candle(0, 2, 1));
  expect(drawn()['priceLineColor']).toBe('light--down');
  palette.name = 'dark';
  plot.restyle(2);
  expect(drawn()).toMatchObject({ downColor: 'dark--down', priceLineColor: 'dark--down' });
});

test('candles are marked where trades are missing, and no more when they are not', () => {
  const { plot, marks } = plotted([candle(0, 2, 3), candle(1, 3, 2)]);
  plot.mark([candle(1, 3, 2)]);
  expect(marks).toEqual([{ time: new Axis('1m', 0).seconds(60_000), value: 1 }]);
  plot.mark([]);
  expect(marks).toEqual([]);
});
