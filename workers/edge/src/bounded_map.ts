// Keeps the number of entries of an isolate's maps within a limit.

/**
 * Sets an entry of a map. `most` is the maximum number of entries. If the map is full and does not have the key yet,
 * the function removes the oldest entry. An entry that is set again keeps its age, unless the caller deletes the entry
 * first.
 */
export function setBounded<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  if (map.size >= most && !map.has(key)) map.delete(map.keys().next().value ?? "");
  map.set(key, value);
}
