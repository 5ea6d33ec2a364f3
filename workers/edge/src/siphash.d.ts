// The types of the function of the package siphash that the worker calls. The package has no type declarations.

/** Returns the SipHash-2-4 value of 128 bits of a message. The key has 128 bits too. */
declare function hash(key: Uint32Array, message: Uint8Array): Uint32Array;
declare const siphash: { hash: typeof hash };
export default siphash;
