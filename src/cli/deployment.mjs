import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { problemsBeforeDeployment } from './deployment-checks.mjs';
import { NODE } from './project.mjs';
import { remoteSecrets } from './remote-secrets.mjs';
import { WRANGLER_TOML, shopConfiguration } from './shop-settings.mjs';
import { Advice, captured, program, run, say } from './terminal.mjs';
import { WRANGLER } from './wrangler.mjs';

const HELP = `npm run deploy -- [--check] [--config FILE]

Checks what a deployment needs, has wrangler create what is missing, deploys, and says what to do next.

  --check        only checks; nothing is created or deployed
  --config FILE  another wrangler.toml, such as a second shop's`;

/** The second half of `npm run deploy`, in the Node that wrangler wants. */
async function deployment() {
  const options = asked(process.argv.slice(2));
  if (!options) return;
  const configuration = shopConfiguration(options.config);
  await refuseStranger();
  const secrets = await remoteSecrets(options.config);
  const problems = problemsBeforeDeployment(configuration, secrets);
  if (problems.length > 0) {
    throw new Advice(['not deployed. Set this right first, and run it again:', ...problems].join('\n  - '));
  }
  say('all that a deployment needs is there');
  if (options.check) return;
  await run(NODE, [WRANGLER, 'deploy', '--config', options.config], { advice: 'What wrangler said is above.' });
  report(configuration, secrets);
}

/** @param {string[]} args */
function asked(args) {
  const { values } = parsed(args);
  if (values.help) {
    console.log(HELP);
    return null;
  }
  const config = values.config ? resolve(process.env.INIT_CWD ?? process.cwd(), values.config) : WRANGLER_TOML;
  return { check: values.check === true, config };
}

/** @param {string[]} args */
function parsed(args) {
  try {
    return parseArgs({ args, options: { check: { type: 'boolean' }, config: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
  } catch (error) {
    throw new Advice(`${error.message}. Try: npm run deploy -- --help`);
  }
}

/** Without an account nothing below would work, and wrangler would say so many times. */
async function refuseStranger() {
  const { stdout } = await captured(NODE, [WRANGLER, 'whoami', '--json']);
  if (/"loggedIn":\s*true/.test(stdout)) return;
  throw new Advice(
    [
      'this machine is not logged in at Cloudflare. Nothing was deployed. Either',
      'npx wrangler login     (opens a browser)',
      'or, where there is none, set CLOUDFLARE_API_TOKEN to a token made from the template "Edit Cloudflare Workers" at',
      '  https://dash.cloudflare.com/profile/api-tokens',
      'An account is free: https://dash.cloudflare.com/sign-up',
    ].join('\n  '),
  );
}

/**
 * What there is now, and what is left to do.
 * @param {ReturnType<typeof shopConfiguration>} configuration
 * @param {string[]} secrets
 */
function report({ bucket, kvId, vars }, secrets) {
  const origin = vars.PUBLIC_URL || 'https://<the address that wrangler named above>';
  const lines = [
    '',
    '  Deployed. At Cloudflare there are now:',
    '    the Worker, with its Durable Objects (ORDERS)',
    `    the R2 bucket ${bucket} (ARCHIVES)`,
    `    the KV namespace ${kvId ?? 'that wrangler named above'} (LINKS)`,
    '',
    '  What is left to do:',
    ...vars.PRODUCTS.map(({ id }) => `    npm run publish -- ${id} <archive.zip> --remote`),
    ...(secrets.includes('STRIPE_WEBHOOK_SECRET')
      ? []
      : [
          `    In Stripe, add a webhook endpoint ${origin}/webhooks/stripe, and give its signing secret to`,
          '      npx wrangler secret put STRIPE_WEBHOOK_SECRET',
        ]),
    `    Open ${origin}/healthz: it says what is still missing.`,
    '    Buy once in test mode: README.md tells how, in "Connect your shop".',
    '',
  ];
  console.log(lines.join('\n'));
}

await program(import.meta.url, deployment);
