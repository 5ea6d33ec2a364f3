// Declares the type of a function of the package siphash, which the worker calls. The package has no type declarations
// of its own.

/** Returns the 128-bit SipHash-1-3 value of a message. The key also has 128 bits. */
declare function hash(key: Uint32Array, message: Uint8Array): Uint32Array;
declare const siphash: { hash: typeof hash };
export default siphash;
