import { once } from 'node:events';
import { request } from 'node:http';

/**
 * A client that reads at its own pace, over a connection of its own, and may hang up. What it does not read
 * stays with the sender, but for what the network holds: 5 to 8 MB.
 */
export class SlowClient {
  #answer;
  #chunks;
  #received = [];

  /** @param {import('node:http').IncomingMessage} answer */
  constructor(answer) {
    this.#answer = answer;
    // Hanging up is an error to Node, and none to us.
    answer.on('error', () => {});
    this.#chunks = answer[Symbol.asyncIterator]();
    this.status = answer.statusCode;
    this.headers = answer.headers;
  }

  /**
   * @param {string} address
   * @param {Record<string, string>} headers
   */
  static async open(address, headers) {
    const asking = request(address, { headers, agent: false });
    asking.on('error', () => {});
    asking.end();
    const [answer] = await once(asking, 'response');
    return new SlowClient(answer);
  }

  /** What it has so far. */
  get received() {
    return Buffer.concat(this.#received);
  }

  /**
   * Reads until it has so many bytes, or the answer ends.
   * @param {number} untilBytes
   */
  async read(untilBytes = Infinity) {
    let bytes = this.received.length;
    while (bytes < untilBytes) {
      const { done, value } = await this.#chunks.next();
      if (done) return;
      this.#received.push(value);
      bytes += value.length;
    }
  }

  /** As a phone in a tunnel: no farewell. */
  hangUp() {
    this.#answer.destroy();
  }
}
