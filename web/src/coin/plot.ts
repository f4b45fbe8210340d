/** The chart on its canvas: candles, volumes below them, in the page's colours. Knows the library; the page knows this. */
import type { IChartApi, ISeriesApi, LogicalRange, Time, UTCTimestamp } from 'lightweight-charts';

import type { Axis } from '../lib/axis';
import { chartOptions, colour, drawForPaper, faded, type Charts } from '../lib/chart';
import { decimal } from '../lib/decimal';
import { compact, fixed } from '../lib/format';
import { locale } from '../lib/i18n.svelte';
import type { Candle } from './candles';
import { areMostlyFlat, bar, candleStyle, close, column, directionOf, point, volumeKind, type Colours, type VolumeKind } from './drawing';

/** So near to the first candle, in candles, the page before it is wanted. */
const NEAR = 10;
/** Empty candles to the right of the last. */
const ROOM = 3;
/** The part of the height that marks take, and volumes leave to them where there are any. */
const STRIP = 0.02;

export interface PlotListener {
  /** The crosshair is at this candle; null: nowhere. */
  pointed(index: number | null): void;
  /** The left edge is near. */
  leftEdge(): void;
}

export class Plot {
  readonly #chart: IChartApi;
  readonly #candles: ISeriesApi<'Candlestick'>;
  /** In place of candles where these would be dashes. */
  readonly #closes: ISeriesApi<'Area'>;
  readonly #columns: ISeriesApi<'Histogram'>;
  readonly #line: ISeriesApi<'Line'>;
  /** A strip above the axis, where trades are missing. */
  readonly #marks: ISeriesApi<'Histogram'>;
  #axis: Axis;
  #kind: VolumeKind = 'none';
  #flat = false;
  #colours: Colours = { up: '', down: '' };
  #volumes: Colours = { up: '', down: '' };
  /** The direction that the price's line and label have the colour of. */
  #direction: keyof Colours | null = null;
  #last: Candle | null = null;
  #count = 0;

  constructor(charts: Charts, box: HTMLElement, axis: Axis, places: number, listener: PlotListener) {
    this.#axis = axis;
    this.#chart = charts.createChart(box, {
      ...chartOptions(),
      handleScroll: { vertTouchDrag: false }, // a finger that goes down scrolls the page
    });
    this.#chart.timeScale().applyOptions({ minBarSpacing: 0.15, maxBarSpacing: 32, rightOffset: ROOM, enableConflation: true, lockVisibleTimeRangeOnResize: true });
    this.#candles = this.#chart.addSeries(charts.CandlestickSeries);
    this.#closes = this.#chart.addSeries(charts.AreaSeries, { lineWidth: 2 });
    const overlay = { priceScaleId: 'volume', lastValueVisible: false, priceLineVisible: false } as const;
    this.#columns = this.#chart.addSeries(charts.HistogramSeries, { ...overlay, priceFormat: { type: 'volume' } });
    this.#line = this.#chart.addSeries(charts.LineSeries, { ...overlay, lineWidth: 1, crosshairMarkerVisible: false });
    this.#marks = this.#chart.addSeries(charts.HistogramSeries, {
      priceScaleId: 'marks',
      lastValueVisible: false,
      priceLineVisible: false,
      autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 1 } }),
    });
    this.#chart.priceScale('marks').applyOptions({ scaleMargins: { top: 1 - STRIP, bottom: 0 } });
    this.mark([]);
    this.restyle(places);
    this.#chart.subscribeCrosshairMove(({ logical, point: at }) => {
      const index = logical === undefined || at === undefined ? null : Math.round(logical);
      listener.pointed(index !== null && index >= 0 && index < this.#count ? index : null);
    });
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range !== null && range.from < NEAR && this.#count > 0) listener.leftEdge();
    });
  }

  /** The page's colours and language, again. */
  restyle(places: number): void {
    const axis = (): Axis => this.#axis;
    const base = chartOptions();
    this.#chart.applyOptions({
      ...base,
      localization: {
        locale: locale.tag,
        timeFormatter: (time: Time) => axis().label(axis().ms(time as number)),
      },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.2 } },
      timeScale: { ...base.timeScale, timeVisible: this.#axis.interval !== '1d', secondsVisible: this.#axis.interval === '1s' },
    });
    this.#colours = { up: colour('--up'), down: colour('--down') };
    this.#candles.applyOptions({ ...candleStyle(this.#colours), priceFormat: priceFormat(places) });
    this.#direction = null;
    this.#markPrice();
    this.#closes.applyOptions({
      lineColor: colour('--accent'),
      topColor: faded('--accent', 0.2),
      bottomColor: faded('--accent', 0),
      priceFormat: priceFormat(places),
    });
    this.#volumes = { up: faded('--up', 0.25), down: faded('--down', 0.5) }; // apart in lightness, as hollow and filled
    this.#columns.applyOptions({ priceFormat: { type: 'custom', minMove: 0.01, formatter: (value: number) => compact(decimal(value.toPrecision(6))) } });
    this.#line.applyOptions({ color: faded('--muted', 0.8) });
    this.#marks.applyOptions({ color: colour('--warn') });
  }

  /** Everything anew, where the view stands; `showFrom` moves it so that this candle is the first that is seen. */
  show(candles: readonly Candle[], axis: Axis, showFrom: number | null): void {
    this.#axis = axis;
    this.#kind = volumeKind(candles);
    this.#count = candles.length;
    this.#last = candles.at(-1) ?? null;
    this.#markPrice();
    this.#flat = areMostlyFlat(candles);
    this.#candles.setData(this.#flat ? [] : candles.map((candle) => bar(candle, axis)));
    this.#closes.setData(this.#flat ? candles.map((candle) => close(candle, axis)) : []);
    this.#columns.setData(this.#kind === 'interval' ? candles.map((candle) => column(candle, axis, this.#volumes)) : []);
    this.#line.setData(this.#kind === 'rolling' ? candles.map((candle) => point(candle, axis)) : []);
    if (showFrom === null) return;
    this.#chart.priceScale('right').setAutoScale(true);
    this.#chart.timeScale().setVisibleLogicalRange({ from: showFrom - 0.5, to: candles.length - 1 + Math.max(ROOM, (candles.length - showFrom) * 0.02) });
  }

  /** Mark these candles, and no others: trades of their time are missing. */
  mark(candles: readonly Candle[]): void {
    this.#marks.setData(candles.map(({ t }) => ({ time: this.#axis.seconds(t) as UTCTimestamp, value: 1 })));
    this.#chart.priceScale('volume').applyOptions({ scaleMargins: { top: 0.84, bottom: candles.length === 0 ? 0 : 1.5 * STRIP } });
  }

  /** The last candle, or one after it. */
  update(candle: Candle): void {
    if (this.#last !== null && candle.t < this.#last.t) return;
    if (this.#last === null || candle.t > this.#last.t) this.#count += 1;
    this.#last = candle;
    this.#markPrice();
    if (this.#flat) this.#closes.update(close(candle, this.#axis));
    else this.#candles.update(bar(candle, this.#axis));
    if (this.#kind === 'interval') this.#columns.update(column(candle, this.#axis, this.#volumes));
    if (this.#kind === 'rolling') this.#line.update(point(candle, this.#axis));
  }

  /** The crosshair to a candle, which is brought into view. */
  pointAt(candle: Candle, index: number): void {
    const scale = this.#chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (range !== null) {
      const shift = index < range.from + 1 ? index - range.from - 1 : index > range.to - 1 ? index - range.to + 1 : 0;
      if (shift !== 0) scale.setVisibleLogicalRange({ from: range.from + shift, to: range.to + shift });
    }
    this.#chart.setCrosshairPosition(Number(candle.c), this.#axis.seconds(candle.t) as UTCTimestamp, this.#flat ? this.#closes : this.#candles);
  }

  unpoint(): void {
    this.#chart.clearCrosshairPosition();
  }

  /** Nearer by a factor > 1, or further away, around the last candle that is seen. */
  zoom(factor: number): void {
    const range: LogicalRange | null = this.#chart.timeScale().getVisibleLogicalRange();
    if (range === null) return;
    const length = Math.min(Math.max((range.to - range.from) / factor, 10), this.#count + 20);
    this.#chart.timeScale().setVisibleLogicalRange({ from: range.to - length, to: range.to });
  }

  drawForPaper(): () => void {
    return drawForPaper(this.#chart);
  }

  /** The colour of the price's line and label: by default the body's, which a rising candle has none of. */
  #markPrice(): void {
    const direction = this.#last === null ? null : directionOf(this.#last);
    if (direction === null || direction === this.#direction) return;
    this.#direction = direction;
    this.#candles.applyOptions({ priceLineColor: this.#colours[direction] });
  }

  remove(): void {
    this.#chart.remove();
  }
}

function priceFormat(places: number) {
  const shown = Math.min(places, 12);
  return { type: 'custom', minMove: 10 ** -shown, formatter: (price: number) => fixed(decimal(price.toFixed(shown)), shown) } as const;
}
