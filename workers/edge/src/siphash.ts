// SipHash-1-3 with a result of 128 bits: a fast hash with a secret key, for short texts.
//
// The npm package `siphash` takes twice as long for the same hash. It stores numbers of 32 bits in properties of
// objects, and V8 allocates memory for each such number that does not fit in 31 bits. A typed array stores the numbers
// without an allocation (docs/decisions/known-tokens.md). The tests compare this code with the package.
//
// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", section 2; the reference implementation
// (github.com/veorq/SipHash) for the result of 128 bits.

const WORD = 0xffff_ffff;
const BLOCK = 8; // the length of a block of the text, in bytes
// The positions of the numbers v0 to v3 of SipHash in `state`. Each number has 64 bits, the low half first.
const [V0, V1, V2, V3] = [0, 2, 4, 6] as const;
// The state of the hash that is being computed. All calls share the array, because each call ends before the next one.
const state = new Int32Array(8);

/**
 * Returns the hash as a string of 8 characters with 16 bits each. `key` has 128 bits. The codes of all characters of
 * the text must be below 256, because the function reads each character as one byte.
 */
export function sipHash(key: Int32Array, text: string): string {
  start(key);
  const end = text.length - (text.length % BLOCK);
  for (let from = 0; from < end; from += BLOCK) compress(wordAt(text, from), wordAt(text, from + 4));
  compress(wordAt(text, end), wordAt(text, end + 4) | (text.length << 24));
  // 0xee and 0xdd belong to results of 128 bits. A result of 64 bits would have 0xff here, and no second half.
  xor(V2, 0xee, 0);
  const first = finalized();
  xor(V1, 0xdd, 0);
  return first + finalized();
}

/**
 * Sets the state to the initial values of the paper, combined with the key. For a result of 128 bits, the lowest byte of
 * v1 is also combined with 0xee.
 */
function start({ 0: a = 0, 1: b = 0, 2: c = 0, 3: d = 0 }: Int32Array): void {
  state[V0] = a ^ 0x70736575;
  state[V0 + 1] = b ^ 0x736f6d65;
  state[V1] = c ^ 0x6e646f6d ^ 0xee;
  state[V1 + 1] = d ^ 0x646f7261;
  state[V2] = a ^ 0x6e657261;
  state[V2 + 1] = b ^ 0x6c796765;
  state[V3] = c ^ 0x79746573;
  state[V3 + 1] = d ^ 0x74656462;
}

/**
 * Returns four bytes of the text as a number of 32 bits. The byte at `from` is the lowest. Bytes after the end of the
 * text are zero, because `charCodeAt` returns NaN there.
 */
function wordAt(text: string, from: number): number {
  const low = text.charCodeAt(from) | (text.charCodeAt(from + 1) << 8);
  return low | (text.charCodeAt(from + 2) << 16) | (text.charCodeAt(from + 3) << 24);
}

/** Mixes one block of the text into the state. */
function compress(low: number, high: number): void {
  xor(V3, low, high);
  round();
  xor(V0, low, high);
}

/** Mixes the state three times, and returns half of the result. */
function finalized(): string {
  for (let rounds = 0; rounds < 3; rounds += 1) round();
  const low = at(V0) ^ at(V1) ^ at(V2) ^ at(V3);
  const high = at(V0 + 1) ^ at(V1 + 1) ^ at(V2 + 1) ^ at(V3 + 1);
  return String.fromCharCode(low & 0xffff, low >>> 16, high & 0xffff, high >>> 16);
}

/** The function SipRound of the paper. */
function round(): void {
  mix(V0, V2, 13, 16);
  mix(V2, V0, 17, 21);
}

/** Half of SipRound: adds v1 to the number `one` and v3 to `other`, and rotates v1 and v3 by the given bits. */
function mix(one: number, other: number, bits1: number, bits3: number): void {
  add(one, V1);
  add(other, V3);
  rotate(V1, bits1);
  rotate(V3, bits3);
  xor(V1, at(one), at(one + 1));
  xor(V3, at(other), at(other + 1));
  swap(one);
}

function at(index: number): number {
  return state[index] ?? 0;
}

function add(to: number, from: number): void {
  const low = (at(to) >>> 0) + (at(from) >>> 0);
  state[to] = low;
  state[to + 1] = at(to + 1) + at(from + 1) + (low > WORD ? 1 : 0);
}

function xor(to: number, low: number, high: number): void {
  state[to] = at(to) ^ low;
  state[to + 1] = at(to + 1) ^ high;
}

/** Rotates a number to the left by fewer than 32 bits. */
function rotate(of: number, bits: number): void {
  const [low, high] = [at(of), at(of + 1)];
  state[of] = (low << bits) | (high >>> (32 - bits));
  state[of + 1] = (high << bits) | (low >>> (32 - bits));
}

/** Rotates a number by 32 bits. */
function swap(of: number): void {
  const low = at(of);
  state[of] = at(of + 1);
  state[of + 1] = low;
}
