/** What each secret is, and the line that sets it. */
const SECRETS = {
  STRIPE_API_KEY: ['a key of Stripe, sk_live_… or rk_live_…', 'npx wrangler secret put STRIPE_API_KEY'],
  LINK_KEYS: ['what signs the links', piped("'k1:'+require('crypto').randomBytes(32).toString('base64url')", 'LINK_KEYS')],
  ADMIN_TOKEN: ['what POST /links asks for; keep it', piped("require('crypto').randomBytes(32).toString('base64url')", 'ADMIN_TOKEN')],
  RESEND_API_KEY: ['a key of Resend, re_…', 'npx wrangler secret put RESEND_API_KEY'],
  POSTMARK_SERVER_TOKEN: ["a server's API token of Postmark", 'npx wrangler secret put POSTMARK_SERVER_TOKEN'],
};

const ALWAYS = ['STRIPE_API_KEY', 'LINK_KEYS', 'ADMIN_TOKEN'];

/** Who sends mails in production, and the secret that each takes. */
const PROVIDERS = { resend: ['RESEND_API_KEY'], postmark: ['POSTMARK_SERVER_TOKEN'], cloudflare: [] };

/** Mail to these goes nowhere (RFC 2606 §3). */
const EXAMPLES = /@example\.(com|net|org)$/i;

/**
 * What keeps a deployment from working, a line each. The Worker itself checks all settings and says in /healthz what is
 * wrong; these are those without which a deployment makes no sense. STRIPE_WEBHOOK_SECRET is none of them: Stripe
 * gives it for an address, which may be known only afterwards.
 * @param {{ vars: Record<string, any>, sendEmail: string[] }} configuration of wrangler.toml
 * @param {string[]} secrets the names of those that are set
 * @returns {string[]}
 */
export function problemsBeforeDeployment({ vars, sendEmail }, secrets) {
  const problems = [];
  const provider = PROVIDERS[vars.MAIL_PROVIDER];
  if (vars.ENVIRONMENT === 'development') problems.push('ENVIRONMENT is "development" in wrangler.toml, which lets anybody buy for free. Take the line out.');
  if (!Array.isArray(vars.PRODUCTS) || vars.PRODUCTS.length === 0) problems.push('PRODUCTS is empty: name what you sell in wrangler.toml.');
  if (!vars.SUPPORT_EMAIL || EXAMPLES.test(vars.SUPPORT_EMAIL)) problems.push('SUPPORT_EMAIL is missing or still the example: buyers write there for help.');
  if (!provider) problems.push(`MAIL_PROVIDER is "${vars.MAIL_PROVIDER ?? ''}", which sends nothing: take resend, postmark or cloudflare.`);
  if (provider && !vars.MAIL_FROM) problems.push('MAIL_FROM is missing: an address of a domain that the mail provider has verified.');
  if (vars.MAIL_PROVIDER === 'cloudflare' && !sendEmail.includes('EMAIL')) problems.push('MAIL_PROVIDER is "cloudflare": take the [[send_email]] lines in wrangler.toml in.');
  const missing = [...ALWAYS, ...(provider ?? [])].filter((name) => !secrets.includes(name));
  return [...problems, ...missing.map((name) => `the secret ${name} is not set (${SECRETS[name][0]}): ${SECRETS[name][1]}`)];
}

/** A line that draws a value and sets it, so that it stands nowhere else. */
function piped(expression, name) {
  return `node -e "process.stdout.write(${expression})" | npx wrangler secret put ${name}`;
}
