/**
 * Thrown when the edge cannot decide whether the client may get an object. Either the key-value store and the metadata
 * API do not answer, or the edge policy cannot be read. The client gets a 503 response with the message.
 */
export class Unavailable extends Error {
  constructor(message = "entitlements cannot be checked right now") {
    super(message);
  }
}
