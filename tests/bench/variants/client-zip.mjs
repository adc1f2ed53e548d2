/**
 * (d) client-zip makes archives of files, and reads none. So it gets the base's files one by one, as if they lay in
 * R2 unpacked: their places are in an object beside it, and each is a ranged read.
 */
import { downloadZip } from 'client-zip';
import { FILES } from './personal.mjs';

export default {
  async fetch(request, { ARCHIVES }) {
    const key = new URL(request.url).pathname.slice(1);
    const { first, stride, length, count } = await (await ARCHIVES.get(`${key}.files`)).json();
    const inputs = async function* () {
      for (let at = 0; at < count; at++) {
        const object = await ARCHIVES.get(key, { range: { offset: first + at * stride, length } });
        yield { name: `plates/${String(at).padStart(6, '0')}.bin`, input: object.body, size: length };
      }
      for (const [name, input] of FILES) yield { name, input };
    };
    return downloadZip(inputs());
  },
};
