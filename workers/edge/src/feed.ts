// Fetches a small document that the metadata API serves with a short lifetime, and keeps the last document in the
// isolate's memory. All isolates of a PoP share the copy in Workers Cache. A PoP therefore sends the API only one
// request in each lifetime of a document.
//
// A document contains the time at which the API read its database. The document's age is the time since this read. An
// old document in a cache therefore never looks new.

// A feed is a small document of the metadata API. If the isolate's copy is older than this, the isolate fetches a new
// document in the background.
const REFRESH_AGE_MILLISECONDS = 2_000;
// The maximum age of a feed document. If the document is older, a request waits for a new one, unless a fetch has just
// failed.
const MAX_AGE_MILLISECONDS = 4_000;
const WAIT_MILLISECONDS = 2_000; // the maximum time that a request waits for a new feed document
// If a fetch of a feed document fails, requests do not wait for a new document until this number of milliseconds has
// passed since the start of the fetch. An outage of the metadata API therefore delays only few requests.
const PAUSE_MILLISECONDS = 2_000;
// The shortest time between two fetches of a feed document in the background. A fetch soon after another one would get
// the same document from Workers Cache.
const BACKGROUND_PAUSE_MILLISECONDS = 500;
// The health check of a feed fails if the isolate's copy of the feed's document is older than this.
export const OUTAGE_MILLISECONDS = 30_000;

const FORMAT = 1;

/**
 * The feed document that the isolate has, and its age in milliseconds. If the isolate has never had a document,
 * `document` is undefined and the age is Infinity.
 */
export interface Current<T> {
  document: T | undefined;
  age: number;
}

/**
 * The functions with which the worker reads a feed, a small document of the metadata API. `fetch` gets the document of
 * the feed with the given name. `waitUntil` lets a fetch continue after the worker has sent its response.
 */
export interface FeedAccess {
  fetch: (name: string) => Promise<Response>;
  waitUntil: (work: Promise<unknown>) => void;
}

export class Feed<T> {
  #last: { document: T; read: number } | undefined;
  #attempt = -Infinity; // the time at which the isolate last started to fetch the document
  #failing = false;

  /** `parse` converts the parsed JSON of a feed document to T, and throws an error for invalid fields. */
  constructor(
    readonly name: string,
    private readonly parse: (fields: Record<string, unknown>) => T,
  ) {}

  /**
   * Returns the current document. If the isolate's document is too old, first fetches a new one. If this fetch fails,
   * returns the isolate's document, however old it is. Never throws an error. `started` is the current time.
   *
   * Each waiting request fetches the document itself. A request cannot wait for the fetch of another request, because
   * the runtime cancels a fetch when the request that started the fetch ends.
   */
  async current(access: FeedAccess, now: () => number, started = now()): Promise<Current<T>> {
    const age = this.#age(started);
    if (age <= REFRESH_AGE_MILLISECONDS) return { document: this.#last?.document, age };
    const pause = started - this.#attempt;
    if (age > MAX_AGE_MILLISECONDS) {
      if (!this.#failing || pause >= PAUSE_MILLISECONDS) await this.#refreshInTime(access, now);
    } else if (pause >= BACKGROUND_PAUSE_MILLISECONDS) {
      access.waitUntil(this.#refresh(access, now));
    }
    return { document: this.#last?.document, age: this.#age(now()) };
  }

  async #refreshInTime(access: FeedAccess, now: () => number): Promise<void> {
    const refreshed = this.#refresh(access, now);
    access.waitUntil(refreshed);
    let cancel = (): void => undefined;
    const late = new Promise<void>((done) => {
      const timer = setTimeout(() => {
        this.#failing = true;
        done();
      }, WAIT_MILLISECONDS);
      cancel = () => clearTimeout(timer);
    });
    await Promise.race([refreshed, late]);
    cancel();
  }

  /**
   * Fetches the feed document and keeps it in memory. After a failed fetch, logs the failure and keeps the previous
   * document.
   */
  async #refresh(access: FeedAccess, now: () => number): Promise<void> {
    this.#attempt = now();
    let reason: string | undefined;
    try {
      const answer = await access.fetch(this.name);
      const text = await answer.text();
      if (answer.status === 200) this.#remember(text, now());
      else reason = `status ${answer.status}`;
    } catch (error) {
      reason = String(error);
    }
    const age = this.#age(now());
    this.#failing = age > MAX_AGE_MILLISECONDS;
    if (!this.#failing) return;
    const seconds = Number.isFinite(age) ? Math.round(age / 1000) : null;
    console.error(JSON.stringify({ event: "feed-stale", feed: this.name, seconds, reason: reason ?? "an old document" }));
  }

  /**
   * Parses `text`, a document of the feed, and keeps it in memory unless the isolate already has a newer document. The
   * tiers of Workers Cache can hold different versions, so a later response can contain an older document. A document
   * from an instance of the API whose clock is ahead counts as read at the time `now`. Otherwise, the isolate would
   * ignore all newer documents until its own clock reaches the time in the document. Throws an error if the document
   * has an unknown format.
   */
  #remember(text: string, now: number): void {
    const fields = JSON.parse(text) as Record<string, unknown>;
    if (fields["version"] !== FORMAT || typeof fields["read"] !== "number") throw new Error("another format");
    const read = Math.min(fields["read"] * 1000, now);
    if (this.#last === undefined || read > this.#last.read) this.#last = { document: this.parse(fields), read };
  }

  #age(now: number): number {
    return this.#last === undefined ? Infinity : Math.max(0, now - this.#last.read);
  }
}
