import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { crc32 } from 'node:zlib';

const LOCAL_BYTES = 30;
const RECORD_BYTES = 46;
const END_BYTES = 22;
const ZIP64_END_BYTES = 56;
const ZIP64_LOCATOR_BYTES = 20;
const MOST_16 = 0xffff;
const MOST_32 = 0xffffffff;

/** 1980-01-01, the first day that DOS knows. */
const DOS_DATE = 0x21;

/**
 * An archive of `count` stored files of `length` bytes each, with zip64 from 65,535 files on, below 4 GiB. All are
 * alike and look random, the same in each run; that does not matter where nothing is compressed. PKWARE's APPNOTE 6.3.10, 4.3.
 * @param {{ count: number, length: number }} shape
 */
export function shaped({ count, length }) {
  const name = (at) => `plates/${String(at).padStart(6, '0')}.bin`;
  const nameBytes = name(0).length;
  const stride = LOCAL_BYTES + nameBytes + length;
  const directoryAt = count * stride;
  const directoryBytes = count * (RECORD_BYTES + nameBytes);
  const zip64 = count >= MOST_16 || directoryAt >= MOST_32;
  const bytes = directoryAt + directoryBytes + END_BYTES + (zip64 ? ZIP64_END_BYTES + ZIP64_LOCATOR_BYTES : 0);
  const contents = createHash('shake256', { outputLength: length }).update('bookplate').digest();
  const crc = crc32(contents);
  if (directoryAt >= MOST_32) throw new RangeError('offsets above 4 GiB are not made here');

  function* chunks() {
    for (let at = 0; at < count; at++) yield Buffer.concat([local(name(at), crc, length), contents]);
    for (let at = 0; at < count; at++) yield record(name(at), crc, length, at * stride);
    if (zip64) yield zip64Ends(count, directoryBytes, directoryAt);
    yield end(count, directoryBytes, directoryAt);
  }
  const files = { first: LOCAL_BYTES + nameBytes, stride, length, count };
  return { bytes, chunks: () => gathered(chunks()), files };
}

function local(name, crc, length) {
  const header = Buffer.alloc(LOCAL_BYTES);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(10, 4);
  header.writeUInt16LE(DOS_DATE, 12);
  header.writeUInt32LE(crc, 14);
  header.writeUInt32LE(length, 18);
  header.writeUInt32LE(length, 22);
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, Buffer.from(name)]);
}

function record(name, crc, length, at) {
  const header = Buffer.alloc(RECORD_BYTES);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(10, 4);
  header.writeUInt16LE(10, 6);
  header.writeUInt16LE(DOS_DATE, 14);
  header.writeUInt32LE(crc, 16);
  header.writeUInt32LE(length, 20);
  header.writeUInt32LE(length, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt32LE(at, 42);
  return Buffer.concat([header, Buffer.from(name)]);
}

function zip64Ends(count, directoryBytes, directoryAt) {
  const ends = Buffer.alloc(ZIP64_END_BYTES + ZIP64_LOCATOR_BYTES);
  ends.writeUInt32LE(0x06064b50, 0);
  ends.writeBigUInt64LE(BigInt(ZIP64_END_BYTES - 12), 4);
  ends.writeUInt16LE(45, 12);
  ends.writeUInt16LE(45, 14);
  ends.writeBigUInt64LE(BigInt(count), 24);
  ends.writeBigUInt64LE(BigInt(count), 32);
  ends.writeBigUInt64LE(BigInt(directoryBytes), 40);
  ends.writeBigUInt64LE(BigInt(directoryAt), 48);
  ends.writeUInt32LE(0x07064b50, ZIP64_END_BYTES);
  ends.writeBigUInt64LE(BigInt(directoryAt + directoryBytes), ZIP64_END_BYTES + 8);
  ends.writeUInt32LE(1, ZIP64_END_BYTES + 16);
  return ends;
}

function end(count, directoryBytes, directoryAt) {
  const ends = Buffer.alloc(END_BYTES);
  ends.writeUInt32LE(0x06054b50, 0);
  ends.writeUInt16LE(Math.min(count, MOST_16), 8);
  ends.writeUInt16LE(Math.min(count, MOST_16), 10);
  ends.writeUInt32LE(directoryBytes, 12);
  ends.writeUInt32LE(directoryAt, 16);
  return ends;
}

/** Small pieces, gathered into ones that are worth sending. */
function* gathered(pieces, bytes = 1024 * 1024) {
  let [waiting, length] = [[], 0];
  for (const piece of pieces) {
    waiting.push(piece);
    length += piece.length;
    if (length < bytes) continue;
    yield Buffer.concat(waiting);
    [waiting, length] = [[], 0];
  }
  if (length > 0) yield Buffer.concat(waiting);
}

/**
 * Uploads an archive in one piece, unless it is there: the local R2 reads an object that was uploaded in parts into
 * memory as a whole, whoever asks for it.
 * @param {import('./runtime.mjs').Runtime} runtime
 * @param {string} key
 * @param {{ count: number, length: number }} shape
 */
export async function publish(runtime, key, shape) {
  const archive = shaped(shape);
  const bucket = await runtime.bucket();
  if ((await bucket.head(key))?.size === archive.bytes) return archive.bytes;
  await bucket.put(`${key}.files`, JSON.stringify(archive.files));
  const url = new URL(key, runtime.origin('raw'));
  const request = http.request(url, { method: 'PUT', headers: { 'x-length': archive.bytes, 'content-length': archive.bytes } });
  const answered = once(request, 'response');
  for (const chunk of archive.chunks()) {
    if (!request.write(chunk)) await once(request, 'drain');
  }
  request.end();
  const [response] = await answered;
  response.resume();
  if (response.statusCode !== 204) throw new Error(`upload of ${key}: ${response.statusCode}`);
  return archive.bytes;
}
