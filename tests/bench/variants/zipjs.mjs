/** (c) The best that JavaScript has: zip.js copies the archive's bytes as a stream, and adds to its directory. */
import { Reader, TextReader, ZipWriter, configure } from '@zip.js/zip.js';
import { FILES } from './personal.mjs';

// Workers have no workers.
configure({ useWebWorkers: false });

/** Random access for the directory, and a stream for the copy. */
class R2Reader extends Reader {
  constructor(bucket, { key, size }) {
    super();
    Object.assign(this, { bucket, key, size });
  }

  async readUint8Array(offset, length) {
    const wanted = Math.min(length, this.size - offset);
    if (wanted <= 0) return new Uint8Array(0);
    const object = await this.bucket.get(this.key, { range: { offset, length: wanted } });
    return new Uint8Array(await object.arrayBuffer());
  }
}

export default {
  async fetch(request, { ARCHIVES }, ctx) {
    const head = await ARCHIVES.head(new URL(request.url).pathname.slice(1));
    const { readable, writable } = new TransformStream();
    const personalise = async () => {
      const writer = new ZipWriter(writable, { level: 0, keepOrder: true });
      await writer.prependZip(new R2Reader(ARCHIVES, head));
      for (const [name, text] of FILES) await writer.add(name, new TextReader(text));
      await writer.close();
    };
    ctx.waitUntil(personalise());
    return new Response(readable);
  },
};
