import { stripeId } from '../../src/cli/stripe-event.mjs';

/** Objects with all the fields that the API's reference gives them: what reads them must cope with every one. */

const now = () => Math.floor(Date.now() / 1000);

/**
 * The charge of a session's payment.
 * @param {object} session
 * @param {Record<string, unknown>} [differing]
 */
export function charge(session, differing = {}) {
  return {
    id: stripeId('ch_3'),
    object: 'charge',
    amount: session.amount_total,
    amount_captured: session.amount_total,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: stripeId('txn_3'),
    billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
    calculated_statement_descriptor: 'PAPER STREET PRESS',
    captured: true,
    created: now(),
    currency: session.currency,
    customer: null,
    description: null,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    fraud_details: {},
    livemode: false,
    metadata: {},
    on_behalf_of: null,
    outcome: { network_status: 'approved_by_network', reason: null, risk_level: 'normal', seller_message: 'Payment complete.', type: 'authorized' },
    paid: true,
    payment_intent: session.payment_intent,
    payment_method: stripeId('pm_1'),
    payment_method_details: { card: { brand: 'visa', last4: '4242' }, type: 'card' },
    receipt_email: null,
    receipt_number: null,
    receipt_url: null,
    refunded: false,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'succeeded',
    transfer_data: null,
    transfer_group: null,
    ...differing,
  };
}

/** `charge.refunded`, of the whole amount or a part. */
export function chargeRefunded(session, amount = session.amount_total, event = {}) {
  const refunded = amount === session.amount_total;
  return eventOf('charge.refunded', charge(session, { amount_refunded: amount, refunded }), event);
}

/** `refund.created`, `refund.updated` or `refund.failed`; of the same refund, if its id is given. */
export function refundEvent(type, session, differing = {}, event = {}) {
  const refund = {
    id: stripeId('re_3'),
    object: 'refund',
    amount: session.amount_total,
    balance_transaction: stripeId('txn_3'),
    charge: stripeId('ch_3'),
    created: now(),
    currency: session.currency,
    customer: null,
    destination_details: { card: { reference_status: 'pending', reference_type: 'acquirer_reference_number', type: 'refund' }, type: 'card' },
    metadata: {},
    payment_intent: session.payment_intent,
    payment_method: null,
    reason: 'requested_by_customer',
    receipt_number: null,
    source_transfer_reversal: null,
    status: type === 'refund.failed' ? 'failed' : 'succeeded',
    transfer_reversal: null,
    ...(type === 'refund.failed' && { failure_reason: 'expired_or_canceled_card' }),
    ...differing,
  };
  return eventOf(type, refund, event);
}

/** `charge.dispute.created`, `.updated`, `.closed`; of the same dispute, if its id is given. */
export function disputeEvent(type, session, status, differing = {}, event = {}) {
  const dispute = {
    id: stripeId('du_1'),
    object: 'dispute',
    amount: session.amount_total,
    balance_transactions: [],
    charge: stripeId('ch_3'),
    created: now(),
    currency: session.currency,
    enhanced_eligibility_types: [],
    evidence: { customer_email_address: null, customer_name: null, uncategorized_text: null },
    evidence_details: { due_by: now() + 7 * 24 * 3600, has_evidence: false, past_due: false, submission_count: 0 },
    is_charge_refundable: false,
    livemode: false,
    metadata: {},
    payment_intent: session.payment_intent,
    payment_method_details: { card: { brand: 'visa', case_type: 'chargeback', network_reason_code: '10.4' }, type: 'card' },
    reason: 'fraudulent',
    status,
    ...differing,
  };
  return eventOf(type, dispute, event);
}

/** An event about an object, dated now unless it says otherwise. */
export function eventOf(type, object, event = {}) {
  return {
    id: stripeId('evt_3'),
    object: 'event',
    api_version: '2026-10-28.endive',
    created: now(),
    data: { object },
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type,
    ...event,
  };
}
