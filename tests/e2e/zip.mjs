import { buffer } from 'node:stream/consumers';
import { fromBufferPromise } from 'yauzl';
import { ZipFile } from 'yazl';

/**
 * An archive by an ordinary ZIP library.
 * @param {Record<string, string | Buffer>} files by path
 * @returns {Promise<Buffer>}
 */
export function zipOf(files) {
  const zip = new ZipFile();
  for (const [path, contents] of Object.entries(files)) zip.addBuffer(Buffer.from(contents), path);
  zip.end();
  return buffer(zip.outputStream);
}

/**
 * The files in an archive by path, read by an ordinary ZIP library, which refuses false sizes.
 * @param {Buffer} archive
 * @returns {Promise<Map<string, Buffer>>}
 */
export async function filesIn(archive) {
  const files = new Map();
  const zip = await fromBufferPromise(archive);
  for await (const entry of zip.eachEntry()) {
    if (files.has(entry.fileName)) throw new Error(`${entry.fileName} is there twice`);
    files.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
  }
  return files;
}
