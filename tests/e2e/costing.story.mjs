import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { countOperations } from '../bench/operations.mjs';
import { Runtime } from '../bench/runtime.mjs';

/** What is billed is a promise to the operator: a change of these numbers is to be meant. */
describe('what a download costs', () => {
  let folder;
  let operations;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bookplate-cost-'));
    operations = await countOperations((what) => Runtime.start(folder, what));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('a look at the page writes nothing', () => {
    assert.deepEqual(calls(operations.page), { request: 1, 'KV read': 1, 'object request': 1, 'R2 class B': 1 });
    assert.equal(operations.page['row written'], 0);
  });

  it('the button asks the order once: what the link is for was known since the page', () => {
    assert.deepEqual(calls(operations.button), { request: 1, 'KV read': 1, 'object request': 1, 'R2 class B': 1 });
  });

  it('the copy is at most three reads of storage, and three questions to the order', () => {
    assert.deepEqual(calls(operations.copy), { request: 1, 'object request': 3, 'R2 class B': 3 });
  });

  it('a purchase is its order, one alarm, and two objects told of it, for the payment and the address', () => {
    assert.equal(operations.purchase['object request'], 4);
    assert.equal(operations.purchase['R2 class B'] ?? 0, 0);
  });
});

/** Without the rows, which depend on what the object remembers. */
function calls(counts) {
  return Object.fromEntries(Object.entries(counts).filter(([what]) => !what.startsWith('row ')));
}
