/**
 * Thrown when the edge cannot decide whether the client may have something: when neither the key-value store nor the
 * metadata API answers, or when the edge policy cannot be read. The client gets 503 with the message.
 */
export class Unavailable extends Error {
  constructor(message = "entitlements cannot be checked right now") {
    super(message);
  }
}
