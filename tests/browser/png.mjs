import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const RGB = 2;
const PALETTE = 3;
const MAX_COLOURS = 256;

/**
 * The same picture with a palette, a third of the size: a page has few colours. If there are more than 256, those
 * that differ least become one.
 * @param {Buffer} png 8 bits per channel, without transparency or interlacing, as Chromium makes them
 */
export function withPalette(png) {
  const { width, height, pixels } = decoded(png);
  const counts = countsOf(pixels);
  let bits = 8;
  let palette = paletteOf(counts, bits);
  while (palette.size > MAX_COLOURS) palette = paletteOf(counts, (bits -= 1));

  const rows = Buffer.alloc(height * (width + 1));
  for (let at = 0; at < width * height; at += 1) {
    // Each row begins with its filter, 0: none.
    rows[Math.floor(at / width) * (width + 1) + 1 + (at % width)] = palette.get(coarse(colourAt(pixels, at), bits)).index;
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, PALETTE], 8);
  const colours = Buffer.from([...palette.values()].flatMap(({ colour }) => channels(colour)));
  const chunks = [['IHDR', header], ['PLTE', colours], ['IDAT', deflateSync(rows, { level: 9 })], ['IEND', Buffer.alloc(0)]];
  return Buffer.concat([SIGNATURE, ...chunks.map(([type, data]) => chunk(type, data))]);
}

/** The picture's pixels, three bytes each (PNG, third edition, §9: filters are undone). */
function decoded(png) {
  const parts = [];
  let [width, height] = [0, 0];
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const data = png.subarray(at + 8, at + 8 + length);
    const type = png.toString('latin1', at + 4, at + 8);
    if (type === 'IHDR') {
      [width, height] = [data.readUInt32BE(0), data.readUInt32BE(4)];
      if (data[8] !== 8 || data[9] !== RGB || data[12] !== 0) throw new Error('a PNG of another kind than Chromium makes');
    }
    if (type === 'IDAT') parts.push(data);
    at += length + 12;
  }
  const filtered = inflateSync(Buffer.concat(parts));
  const stride = width * 3;
  const pixels = Buffer.alloc(height * stride);
  for (let y = 0; y < height; y += 1) {
    const filter = filtered[y * (stride + 1)];
    for (let x = 0; x < stride; x += 1) {
      const at = y * stride + x;
      const left = x < 3 ? 0 : pixels[at - 3];
      const up = y === 0 ? 0 : pixels[at - stride];
      const upLeft = x < 3 || y === 0 ? 0 : pixels[at - stride - 3];
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, upLeft)][filter];
      pixels[at] = filtered[y * (stride + 1) + 1 + x] + predicted;
    }
  }
  return { width, height, pixels };
}

/** PNG, third edition, §9.4. */
function paeth(left, up, upLeft) {
  const [a, b, c] = [left, up, upLeft].map((value) => Math.abs(left + up - upLeft - value));
  if (a <= b && a <= c) return left;
  return b <= c ? up : upLeft;
}

const colourAt = (pixels, at) => pixels.readUIntBE(at * 3, 3);

const channels = (colour) => [colour >> 16, (colour >> 8) & 0xff, colour & 0xff];

/** What colours that differ little have in common: their highest bits. */
const coarse = (colour, bits) => channels(colour).reduce((sum, channel) => (sum << 8) | (channel >> (8 - bits)), 0);

/** How many pixels have each colour. */
function countsOf(pixels) {
  const counts = new Map();
  for (let at = 0; at < pixels.length / 3; at += 1) {
    const colour = colourAt(pixels, at);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  return counts;
}

/** Of colours that differ little the most frequent one, and its index: so paper stays as white as it is. */
function paletteOf(counts, bits) {
  const palette = new Map();
  for (const [colour] of [...counts].sort(([, one], [, other]) => other - one)) {
    const name = coarse(colour, bits);
    if (!palette.has(name)) palette.set(name, { index: palette.size, colour });
  }
  return palette;
}

function chunk(type, data) {
  const framed = Buffer.alloc(data.length + 12);
  framed.writeUInt32BE(data.length, 0);
  framed.write(type, 4, 'latin1');
  framed.set(data, 8);
  framed.writeUInt32BE(crc32(framed.subarray(4, data.length + 8)), data.length + 8);
  return framed;
}
