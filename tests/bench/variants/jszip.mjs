/** (b) The way it is usually done: the whole archive into memory, through jszip, and out of it. */
import JSZip from 'jszip';
import { FILES } from './personal.mjs';

export default {
  async fetch(request, { ARCHIVES }) {
    const object = await ARCHIVES.get(new URL(request.url).pathname.slice(1));
    const zip = await JSZip.loadAsync(await object.arrayBuffer());
    for (const [name, text] of FILES) zip.file(name, text);
    return new Response(await zip.generateAsync({ type: 'uint8array' }));
  },
};
