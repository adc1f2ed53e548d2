import { randomBytes } from 'node:crypto';
import Stripe from 'stripe';

const API_VERSION = '2026-10-28.endive';

/** Neither package nor key is used to call Stripe: signing needs no network. */
const stripe = new Stripe('sk_test_offline');

/**
 * @typedef {object} Buyer
 * @property {string} name
 * @property {string} email
 * @property {string | null} [organisation]
 * @property {string} product the product's id, which the shop puts into the checkout's metadata
 */

/**
 * A `checkout.session.completed` event as Stripe sends it for a paid one-off purchase in test mode, with the
 * fields that Stripe leaves empty as well: what reads it must cope with all of them.
 * @param {Buyer} buyer
 * @param {Record<string, unknown>} [session] what differs in the Checkout Session
 * @param {Record<string, unknown>} [event] what differs in the event
 */
export function checkoutCompleted(buyer, session = {}, event = {}) {
  const now = Math.floor(Date.now() / 1000);
  return {
    id: stripeId('evt_1'),
    object: 'event',
    api_version: API_VERSION,
    created: now,
    data: { object: { ...paidSession(buyer, now), ...session } },
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type: 'checkout.session.completed',
    ...event,
  };
}

/**
 * An id in Stripe's manner.
 * @param {string} prefix
 */
export function stripeId(prefix) {
  return prefix + randomBytes(18).toString('hex').slice(0, 24);
}

/**
 * The header that Stripe sends along with a payload, made by Stripe's own package.
 * @param {string} payload
 * @param {string} secret
 * @param {number} [timestamp] seconds since 1970
 * @returns {string}
 */
export function signature(payload, secret, timestamp = Math.floor(Date.now() / 1000)) {
  return stripe.webhooks.generateTestHeaderString({ payload, secret: firstSecret(secret), timestamp });
}

/**
 * Sends an event the way Stripe does.
 * @param {(path: string, init: RequestInit) => Promise<Response>} fetch
 * @param {unknown} event
 * @param {string} secret
 */
export function deliver(fetch, event, secret) {
  // Stripe indents its payloads, so what verifies them must take the body as it came.
  const body = JSON.stringify(event, null, 2);
  const headers = { 'content-type': 'application/json; charset=utf-8', 'stripe-signature': signature(body, secret) };
  return fetch('/webhooks/stripe', { method: 'POST', headers, body });
}

/** Several secrets are live during a roll; Stripe signs with each, and one match is enough. */
function firstSecret(secrets) {
  return secrets.split(',')[0].trim();
}

/**
 * @param {Buyer} buyer
 * @param {number} now
 */
function paidSession({ name, email, organisation = null, product }, now) {
  return {
    id: `cs_test_a1${randomBytes(28).toString('hex')}`,
    object: 'checkout.session',
    adaptive_pricing: { enabled: true },
    after_expiration: null,
    allow_promotion_codes: null,
    amount_subtotal: 4900,
    amount_total: 4900,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    billing_address_collection: 'auto',
    cancel_url: 'https://shop.example.com/cart',
    client_reference_id: null,
    client_secret: null,
    collected_information: { business_name: organisation, individual_name: null, shipping_details: null },
    consent: null,
    consent_collection: null,
    created: now - 90,
    currency: 'eur',
    currency_conversion: null,
    custom_fields: [],
    custom_text: { after_submit: null, shipping_address: null, submit: null, terms_of_service_acceptance: null },
    customer: null,
    customer_account: null,
    customer_creation: 'if_required',
    customer_details: {
      address: { city: 'Leiden', country: 'NL', line1: 'Breestraat 1', line2: null, postal_code: '2311 CH', state: null },
      business_name: organisation,
      email,
      individual_name: null,
      name,
      phone: null,
      tax_exempt: 'none',
      tax_ids: [],
    },
    customer_email: null,
    discounts: [],
    expires_at: now - 90 + 24 * 3600,
    integration_identifier: null,
    invoice: null,
    invoice_creation: {
      enabled: false,
      invoice_data: {
        account_tax_ids: null,
        custom_fields: null,
        description: null,
        footer: null,
        issuer: null,
        metadata: {},
        rendering_options: null,
      },
    },
    livemode: false,
    locale: 'auto',
    metadata: { product },
    mode: 'payment',
    origin_context: null,
    payment_intent: stripeId('pi_3'),
    payment_link: null,
    payment_method_collection: 'if_required',
    payment_method_configuration_details: null,
    payment_method_options: { card: { request_three_d_secure: 'automatic' } },
    payment_method_types: ['card'],
    payment_status: 'paid',
    permissions: null,
    phone_number_collection: { enabled: false },
    recovered_from: null,
    saved_payment_method_options: null,
    setup_intent: null,
    shipping_address_collection: null,
    shipping_cost: null,
    shipping_options: [],
    status: 'complete',
    submit_type: null,
    subscription: null,
    success_url: 'https://shop.example.com/thanks?session={CHECKOUT_SESSION_ID}',
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
    ui_mode: 'hosted_page',
    url: null,
    wallet_options: null,
  };
}
