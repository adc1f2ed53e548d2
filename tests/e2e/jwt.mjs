import { createHmac } from 'node:crypto';

const HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' };

/**
 * Takes a token apart, without believing it.
 * @param {string} token
 */
export function decoded(token) {
  const [header, claims] = token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  return { header, claims };
}

/**
 * Makes a token with any header and claims, as an attacker would, or the shop with its key.
 * @param {object} header
 * @param {object} claims
 * @param {Buffer | string} key
 */
export function forged(header, claims, key) {
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const hash = HASHES[header.alg];
  return `${signed}.${hash ? createHmac(hash, key).update(signed).digest('base64url') : ''}`;
}
