// Fetches a small document that the metadata API serves with a short lifetime, and remembers the last one. The isolates
// of a place share the copy in Workers Cache, so a place sends the API one request for each lifetime.
//
// The age of a document counts from the time at which the API read its database, which is part of the document. So no
// cache on the way can make an old document look new.

const REFRESH_AGE_MILLISECONDS = 2_000; // an older document is in use while the isolate fetches another one
const MAX_AGE_MILLISECONDS = 4_000; // no request relies on an older document while the metadata API answers
const WAIT_MILLISECONDS = 2_000; // how long a request waits for a document
// How long requests go on without waiting after a failed attempt, so that an outage of the API delays few of them.
const PAUSE_MILLISECONDS = 2_000;
// How long an isolate waits between two attempts in the background: the cache has the same document for some time.
const BACKGROUND_PAUSE_MILLISECONDS = 500;
export const OUTAGE_MILLISECONDS = 30_000; // without a document for longer, a place reports that it lacks the feed

const FORMAT = 1;

/** A document, and its age in milliseconds. The age is Infinity when the isolate has never had a document. */
export interface Current<T> {
  document: T | undefined;
  age: number;
}

/** How a feed reaches its document and continues work after a response. */
export interface FeedAccess {
  fetch: (name: string) => Promise<Response>;
  waitUntil: (work: Promise<unknown>) => void;
}

export class Feed<T> {
  #last: { document: T; read: number } | undefined;
  #attempt = -Infinity; // the time of the last attempt
  #failing = false;

  /** `parse` returns the document from the fields of its JSON text, and throws for fields that it cannot interpret. */
  constructor(
    readonly name: string,
    private readonly parse: (fields: Record<string, unknown>) => T,
  ) {}

  /**
   * Returns the current document. A document that is too old is fetched again first. When that fails, returns the last
   * document, however old. Never throws.
   *
   * Each request that waits fetches the document itself, because a request cannot wait for what another one fetches:
   * the runtime cancels the fetch when that other request ends.
   */
  async current(access: FeedAccess, now: () => number): Promise<Current<T>> {
    const age = this.#age(now());
    const pause = now() - this.#attempt;
    if (age > MAX_AGE_MILLISECONDS) {
      if (!this.#failing || pause >= PAUSE_MILLISECONDS) await this.#refreshInTime(access, now);
    } else if (age > REFRESH_AGE_MILLISECONDS && pause >= BACKGROUND_PAUSE_MILLISECONDS) {
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

  /** Fetches the document and remembers it. A failed attempt is logged, and leaves the last document. */
  async #refresh(access: FeedAccess, now: () => number): Promise<void> {
    this.#attempt = now();
    let reason: string | undefined;
    try {
      const answer = await access.fetch(this.name);
      const text = await answer.text();
      if (answer.status === 200) this.#remember(text);
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

  /** Remembers the document in a text, unless the isolate has a later one: tiers of the cache may differ. */
  #remember(text: string): void {
    const fields = JSON.parse(text) as Record<string, unknown>;
    if (fields["version"] !== FORMAT || typeof fields["read"] !== "number") throw new Error("another format");
    const read = fields["read"] * 1000;
    if (this.#last === undefined || read > this.#last.read) this.#last = { document: this.parse(fields), read };
  }

  #age(now: number): number {
    return this.#last === undefined ? Infinity : Math.max(0, now - this.#last.read);
  }
}
