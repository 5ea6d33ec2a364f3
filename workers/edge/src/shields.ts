// Orders the shield nodes (machines of regional caches) for an object's key. The nodes of the region nearest to the
// client come first, and the nodes of the farthest region last. Rendezvous hashing decides the order of the nodes
// within a region.

import { matches } from "./grants";
import { hashOf } from "./hash";

export interface Shield {
  host: string; // the shield node's host name and port
  region: string;
  latitude: number;
  longitude: number;
}

export interface Place {
  latitude: number;
  longitude: number;
}

/**
 * Returns all shield nodes (machines of regional caches). The nodes of the region nearest to the client come first.
 * Without the client's coordinates, the regions keep their order in `shields`.
 */
export function candidates(shields: readonly Shield[], key: string, place: Place | undefined): Shield[] {
  const distance = new Map<Shield, number>(shields.map((shield, index) => [shield, place ? angle(shield, place) : index]));
  const nearest = new Map<string, number>();
  for (const shield of shields) {
    const known = nearest.get(shield.region) ?? Infinity;
    nearest.set(shield.region, Math.min(known, distance.get(shield) ?? Infinity));
  }
  const weights = new Map<Shield, number>(shields.map((shield) => [shield, hashOf(`${shield.host} ${key}`)]));
  return [...shields].sort((a, b) => {
    const byRegion = (nearest.get(a.region) ?? 0) - (nearest.get(b.region) ?? 0);
    if (a.region !== b.region) return byRegion || (a.region < b.region ? -1 : 1);
    return (weights.get(b) ?? 0) - (weights.get(a) ?? 0) || (a.host < b.host ? -1 : 1);
  });
}

/**
 * Returns the shield nodes (machines of regional caches) to which the worker sends requests for an object, one after
 * the other. The result has three nodes, or all nodes if the stack has fewer than three. `order` lists all nodes, the
 * preferred nodes first. The function prefers nodes that have not failed recently. If possible, the third node is in
 * another region than the first, because a whole region may be down.
 */
export function attempted(order: readonly Shield[], isBackedOff: (node: Shield) => boolean): Shield[] {
  const usable = order.filter((node) => !isBackedOff(node));
  const [first, second, ...others] = [...usable, ...order.filter(isBackedOff)];
  const usableOthers = others.filter((node) => !isBackedOff(node));
  const rest = usableOthers.length > 0 ? usableOthers : others;
  const last = rest.find(({ region }) => region !== first?.region) ?? rest[0];
  return [first, second, last].filter((node) => node !== undefined);
}

/** Returns the shield nodes in a new order. The nodes whose host names match one of `patterns` come first. */
export function preferring(order: readonly Shield[], patterns: readonly string[]): Shield[] {
  const isPreferred = ({ host }: Shield): boolean => patterns.some((pattern) => matches(pattern, host.split(":")[0] ?? ""));
  return [...order.filter(isPreferred), ...order.filter((node) => !isPreferred(node))];
}

/** Returns the great-circle distance between two places, as an angle in radians (haversine formula). */
function angle(a: Place, b: Place): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180;
  const dLatitude = radians(b.latitude - a.latitude) / 2;
  const dLongitude = radians(b.longitude - a.longitude) / 2;
  const h =
    Math.sin(dLatitude) ** 2 +
    Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * Math.sin(dLongitude) ** 2;
  return 2 * Math.asin(Math.min(1, Math.sqrt(h)));
}
