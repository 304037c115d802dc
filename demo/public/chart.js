/** A small live chart: one line through the latest values, in an SVG of the page. */

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 300;
const HEIGHT = 100;

export class Chart {
  #values = [];
  #svg;
  #length;
  #floor;
  #area = document.createElementNS(SVG, 'path');
  #line = document.createElementNS(SVG, 'path');
  #dot = document.createElementNS(SVG, 'path');

  /**
   * @param {SVGSVGElement} svg
   * @param {{ length: number, floor: number }} options how many values fit, and the minimum for the top of the chart
   */
  constructor(svg, { length, floor }) {
    this.#svg = svg;
    this.#length = length;
    this.#floor = floor;
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute('preserveAspectRatio', 'none');
    const grid = document.createElementNS(SVG, 'path');
    grid.setAttribute('class', 'grid');
    grid.setAttribute('d', [0.5, HEIGHT / 2, HEIGHT - 0.5].map((y) => `M0 ${y}H${WIDTH}`).join(''));
    this.#area.setAttribute('class', 'area');
    this.#line.setAttribute('class', 'line');
    this.#dot.setAttribute('class', 'dot');
    svg.replaceChildren(grid, this.#area, this.#line, this.#dot);
  }

  get values() {
    return this.#values;
  }

  /** The value at the top of the chart: a round number above all values. */
  get top() {
    const highest = Math.max(this.#floor, ...this.#values);
    const power = 10 ** Math.floor(Math.log10(highest));
    return ([1, 1.5, 2, 3, 5, 7.5].find((step) => step * power >= highest) ?? 10) * power;
  }

  add(value) {
    this.#values.push(value);
    this.#values.splice(0, this.#values.length - this.#length);
    this.#draw();
  }

  clear() {
    this.#values = [];
    this.#draw();
  }

  #draw() {
    const { top } = this;
    this.#svg.dataset.readings = this.#values.length;
    const step = WIDTH / (this.#length - 1);
    const start = WIDTH - (this.#values.length - 1) * step;
    // A margin above and below keeps the line whole.
    const y = (value) => HEIGHT - 2 - (value / top) * (HEIGHT - 6);
    const points = this.#values.map((value, index) => `${(start + index * step).toFixed(1)} ${y(value).toFixed(1)}`);
    const line = points.length === 0 ? '' : `M${points.join('L')}`;
    this.#line.setAttribute('d', line);
    this.#area.setAttribute('d', line && `${line}V${HEIGHT}H${start.toFixed(1)}Z`);
    this.#dot.setAttribute('d', points.length === 0 ? '' : `M${points.at(-1)}h0`);
  }
}
