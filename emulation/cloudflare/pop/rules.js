// Evaluates the rules of a zone for a request: custom rules first, then rate limiting rules. expressions.py translates
// the expressions of rules into the JSON that this module evaluates.
// Reference: developers.cloudflare.com/ruleset-engine, "Phases list"; /waf/custom-rules/skip/options;
// /waf/rate-limiting-rules/request-rate.

const CUSTOM = "http_request_firewall_custom";
const RATE_LIMIT = "http_ratelimit";

// Returns the response of the rule that blocks the request, or undefined if no rule blocks it. `counters` holds the
// counters of rate limiting rules, which stay from request to request. `now` is in milliseconds.
export function blocked(rulesets, request, counters, now) {
  const skipped = new Set();
  for (const rule of rulesets[CUSTOM] ?? []) {
    if (!matches(rule.expression, request)) continue;
    if (rule.action === "block") return refusal(403, "Sorry, you have been blocked");
    for (const phase of rule.phases) skipped.add(phase);
    if (rule.skipsRest) break;
  }
  if (skipped.has(RATE_LIMIT)) return undefined;
  for (const rule of rulesets[RATE_LIMIT] ?? []) {
    if (matches(rule.expression, request) && isOver(rule, request, counters, now)) return refusal(429, "error code: 1015");
  }
  return undefined;
}

// Counts a request, and returns whether a rate limiting rule refuses the request. Once the number of requests from an
// address exceeds the rule's limit, the rule refuses all requests from this address until its mitigation timeout ends.
function isOver(rule, request, counters, now) {
  const key = `${rule.id} ${request["ip.src"]}`;
  let counter = counters.get(key);
  if (counter === undefined || counter.until <= now) counter = { requests: 0, until: now + rule.period * 1000 };
  counters.set(key, counter);
  if (counter.isBlocked) return true;
  counter.requests += 1;
  if (counter.requests <= rule.requests) return false;
  counter.isBlocked = true;
  counter.until = now + rule.timeout * 1000;
  return true;
}

function refusal(status, text) {
  const headers = { "content-type": "text/plain; charset=UTF-8", "cache-control": "private, no-store" };
  return new Response(`${text}\n`, { status, headers });
}

// Returns the fields of a request by their names in the Rules language. `url` is the URL as the client sent it.
export function fieldsOf({ url, method, headers }, address, country) {
  const [, host, uri] = /^[a-z]+:\/\/([^/?#]*)(.*)$/s.exec(url);
  const path = uri.replace(/[?#].*$/s, "");
  return {
    "http.host": host,
    "http.request.method": method,
    "http.request.uri.path": normalized(path),
    "raw.http.request.uri": uri,
    "raw.http.request.uri.path": path,
    "ip.src": address,
    "ip.src.country": country,
    "http.request.headers.truncated": false,
    "http.request.headers.values": [...headers].map(([, value]) => value),
    headers,
  };
}

// Normalizes a path as Cloudflare does for each zone by default: unreserved characters are decoded, dot segments are
// removed, and adjacent slashes become one (developers.cloudflare.com/rules/normalization, "How URL normalization works"
// and the note that merging of slashes is always on).
function normalized(path) {
  const decoded = path.replace(/%([0-9a-f]{2})/gi, (encoded, digits) => {
    const character = String.fromCharCode(parseInt(digits, 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : encoded.toUpperCase();
  });
  const kept = [];
  const segments = decoded.replace(/\/{2,}/g, "/").split("/").slice(1);
  segments.forEach((segment, index) => {
    const isLast = index === segments.length - 1;
    if (segment === "..") kept.pop();
    if (segment !== "." && segment !== "..") kept.push(segment);
    else if (isLast) kept.push("");
  });
  return `/${kept.join("/")}`;
}

export function matches(expression, request) {
  return valuesOf(expression, request).some((value) => value === true);
}

// Returns the values of an expression: one, several for each item of an array, or none for a missing value. A comparison
// with a missing value is false (Ruleset Engine, "Values").
function valuesOf([kind, ...parts], request) {
  const values = (part) => valuesOf(part, request);
  switch (kind) {
    case "or":
      return [parts.some((part) => matches(part, request))];
    case "and":
      return [parts.every((part) => matches(part, request))];
    case "not":
      return [!matches(parts[0], request)];
    case "any":
      return [matches(parts[0], request)];
    case "compare": {
      const [operator, value, literals] = parts;
      return values(value).map((each) => compared(operator, each, literals));
    }
    case "field":
      return [request[parts[0]]];
    case "header": {
      const value = request.headers.get(parts[0]);
      return [value === null ? [] : [value]];
    }
    case "each":
      return values(parts[0])[0];
    case "item":
      return values(parts[0])[0].slice(parts[1], parts[1] + 1);
    case "len":
      return values(parts[0]).map((text) => text.length);
    case "lower":
      return values(parts[0]).map((text) => text.toLowerCase());
    case "starts_with":
      return values(parts[0]).map((text) => text.startsWith(parts[1]));
    default:
      throw new Error(`unknown part of an expression: ${kind}`);
  }
}

function compared(operator, value, literals) {
  const [literal] = literals;
  switch (operator) {
    case "in":
      return literals.some((each) => isSame(value, each));
    case "eq":
      return isSame(value, literal);
    case "contains":
      return value.includes(literal);
    case "lt":
      return value < literal;
    case "le":
      return value <= literal;
    case "gt":
      return value > literal;
    case "ge":
      return value >= literal;
    default:
      throw new Error(`unknown operator: ${operator}`);
  }
}

// A network is a list of its first address and the length of its prefix. An IPv6 network is empty.
function isSame(value, literal) {
  if (!Array.isArray(literal)) return value === literal;
  const [first, length] = literal;
  if (first === undefined) return false;
  const size = 2 ** (32 - length);
  return Math.floor(numberOf(value) / size) === Math.floor(first / size);
}

function numberOf(address) {
  return address.split(".").reduce((number, part) => number * 256 + Number(part), 0);
}
