import { join } from 'node:path';
import { unstable_readConfig } from 'wrangler';
import { ROOT } from './project.mjs';
import { Advice } from './terminal.mjs';

/** The settings that are no secret, and that an archive is checked against. */
const NAMES = ['SHOP_NAME', 'SUPPORT_EMAIL', 'PRODUCTS'];

/** Where the settings are that are no secret. */
export const WRANGLER_TOML = join(ROOT, 'wrangler.toml');

/** What wrangler.toml says of the shop and its bucket. */
export function shopSettings(config = WRANGLER_TOML) {
  const { r2_buckets, vars } = unstable_readConfig({ config });
  const bucket = r2_buckets.find(({ binding }) => binding === 'ARCHIVES')?.bucket_name;
  if (!bucket) throw new Advice('wrangler.toml binds no bucket as ARCHIVES: give it an [[r2_buckets]] table.');
  return { bucket, vars: Object.fromEntries(NAMES.map((name) => [name, vars[name]])) };
}

/** What wrangler.toml says that a deployment depends on. */
export function shopConfiguration(config = WRANGLER_TOML) {
  const { kv_namespaces, send_email, vars } = unstable_readConfig({ config });
  return {
    vars,
    bucket: shopSettings(config).bucket,
    kvId: kv_namespaces.find(({ binding }) => binding === 'LINKS')?.id,
    sendEmail: send_email.map(({ name }) => name),
  };
}

/**
 * @param {{ vars: Record<string, unknown> }} settings
 * @param {string} id
 * @returns {{ id: string, name: string, version: string, archive: string }}
 */
export function productNamed({ vars }, id) {
  const products = Array.isArray(vars.PRODUCTS) ? vars.PRODUCTS : [];
  const product = products.find((known) => known.id === id);
  if (product) return product;
  const ids = products.map((known) => known.id).join(', ') || 'none';
  throw new Advice(`no product is called ${id}. Known: ${ids}. A new one takes a [[vars.PRODUCTS]] table in wrangler.toml.`);
}
