// Keeps the number of entries of an isolate's maps within a limit.

/**
 * Sets an entry of a map, which holds at most `most` entries. If the map is full and does not have the key yet, the
 * function removes the entry that was added first. A new value for an existing key does not change the entry's place in
 * this order. To move the entry to the end, the caller must first delete it.
 */
export function setBounded<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  if (map.size >= most && !map.has(key)) map.delete(map.keys().next().value ?? "");
  map.set(key, value);
}
