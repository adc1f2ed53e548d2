const CUSTOM = 0;
const HEADER_BYTES = 8;

/** Reads the numbers and names that WebAssembly's binary format is made of (specification, chapter 5). */
export class Cursor {
  /**
   * @param {Buffer} bytes
   * @param {number} at
   */
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  u32() {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = this.bytes[this.at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  }

  name() {
    const length = this.u32();
    const start = this.at;
    this.at += length;
    return this.bytes.toString('utf8', start, this.at);
  }
}

/**
 * A module's sections in their order.
 * @param {Buffer} module
 * @returns {{ id: number, name: string, from: number, start: number, end: number }[]} `from`: where it begins; `start`:
 * where its contents do; `name`: of a custom section
 */
export function sections(module) {
  const cursor = new Cursor(module, HEADER_BYTES);
  const found = [];
  while (cursor.at < module.length) {
    const from = cursor.at;
    const id = cursor.u32();
    const length = cursor.u32();
    const end = cursor.at + length;
    const name = id === CUSTOM ? cursor.name() : '';
    found.push({ id, name, from, start: cursor.at, end });
    cursor.at = end;
  }
  return found;
}

/**
 * The module without its functions' names (appendix, 7.4.1): they are a tenth of it, and serve stack traces alone.
 * @param {Buffer} module
 */
export function withoutNames(module) {
  const kept = sections(module).filter(({ id, name }) => id !== CUSTOM || name !== 'name');
  return Buffer.concat([module.subarray(0, HEADER_BYTES), ...kept.map(({ from, end }) => module.subarray(from, end))]);
}
