// Declares the type of the function that the tests call in the package siphash, because the package contains no type
// declarations.

/** Returns the 128-bit SipHash-1-3 value of a message. The key also has 128 bits. */
declare function hash(key: Uint32Array, message: Uint8Array): Uint32Array;
declare const siphash: { hash: typeof hash };
export default siphash;
