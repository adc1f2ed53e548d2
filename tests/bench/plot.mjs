const WIDTH = 720;
const HEIGHT = 400;
const LEFT = 70;
const RIGHT = 130;
const TOP = 40;
const BOTTOM = 50;
/** Told apart also by those who see fewer colours (Okabe and Ito). */
const COLOURS = ['#000000', '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00'];

/**
 * Lines over two logarithmic axes, as SVG.
 * @param {{ title: string, x: string, y: string, lines: { name: string, points: [number, number][] }[] }} what
 */
export function plot({ title, x, y, lines }) {
  const all = lines.flatMap(({ points }) => points);
  const across = axis(all.map(([value]) => value), LEFT, WIDTH - RIGHT);
  const up = axis(all.map(([, value]) => value), HEIGHT - BOTTOM, TOP);
  const grid = [
    ...across.ticks.map((tick) => line(across.at(tick), TOP, across.at(tick), HEIGHT - BOTTOM) + text(across.at(tick), HEIGHT - BOTTOM + 18, label(tick), 'middle')),
    ...up.ticks.map((tick) => line(LEFT, up.at(tick), WIDTH - RIGHT, up.at(tick)) + text(LEFT - 8, up.at(tick) + 4, label(tick), 'end')),
  ];
  const last = ({ points }) => points.at(-1)[1];
  // Names stand at the lines' ends, pushed apart where those meet.
  let below = Infinity;
  const drawn = lines.toSorted((a, b) => last(a) - last(b)).map(({ name, points }) => {
    const colour = COLOURS[lines.findIndex((one) => one.name === name) % COLOURS.length];
    const at = points.map(([px, py]) => [across.at(px), up.at(py)]);
    const [endX, endY] = at.at(-1);
    below = Math.min(endY, below - 15);
    const path = `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${at.map(([px, py]) => `${round(px)},${round(py)}`).join(' ')}"/>`;
    const dots = at.map(([px, py]) => `<circle cx="${round(px)}" cy="${round(py)}" r="3" fill="${colour}"/>`).join('');
    return path + dots + text(endX + 10, below + 4, name, 'start', colour);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${escaped(title)}</title><rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(LEFT, 22, title, 'start', '#000', 'font-size="15" font-weight="bold"'),
    ...grid,
    ...drawn,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x, 'middle'),
    `<g transform="translate(16 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">${text(0, 0, y, 'middle')}</g>`,
    '</svg>\n',
  ].join('\n');
}

/** Powers of ten that hold all values, from one place on the paper to another. */
function axis(values, from, to) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(Math.ceil(Math.log10(Math.max(...values))), low + 1);
  const at = (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from);
  return { at, ticks: Array.from({ length: high - low + 1 }, (_, step) => 10 ** (low + step)) };
}

const round = (value) => Math.round(value * 10) / 10;
const label = (value) => Number(value.toPrecision(1)).toLocaleString('en');
const line = (x1, y1, x2, y2) => `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="#ddd"/>`;
const text = (x, y, words, anchor, colour = '#444', more = '') =>
  `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${colour}" ${more}>${escaped(words)}</text>`;
const escaped = (words) => words.replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign]);
