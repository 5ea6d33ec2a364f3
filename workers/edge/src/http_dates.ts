// Parses dates in HTTP header fields.

const DATE = "\\d{2}:\\d{2}:\\d{2}";
const IMF = new RegExp(`^[A-Z][a-z]{2}, \\d{2} [A-Z][a-z]{2} \\d{4} ${DATE} GMT$`);
const RFC_850 = new RegExp(`^[A-Z][a-z]+day, (\\d{2})-([A-Z][a-z]{2})-(\\d{2}) (${DATE}) GMT$`);
const ASCTIME = new RegExp(`^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \\d]\\d) (${DATE}) (\\d{4})$`);

/**
 * Parses the date in an HTTP header field, such as Last-Modified. Returns the milliseconds since 1970, or undefined if
 * the value has none of the three formats in RFC 9110, section 5.6.7.
 */
export function parseHttpDate(text: string | null): number | undefined {
  const standard = text === null ? undefined : standardFormat(text);
  const parsed = Date.parse(standard ?? "");
  return Number.isNaN(parsed) ? undefined : parsed;
}

function standardFormat(text: string): string | undefined {
  if (IMF.test(text)) return text;
  const [, day, month, year, time] = RFC_850.exec(text) ?? [];
  if (year !== undefined) return `${day} ${month} ${century(Number(year))} ${time} GMT`;
  const [, aMonth, aDay, aTime, aYear] = ASCTIME.exec(text) ?? [];
  return aYear === undefined ? undefined : `${aDay?.trim()} ${aMonth} ${aYear} ${aTime} GMT`;
}

/**
 * Returns the full year for a two-digit year in an HTTP date. A year that would be more than 50 years in the future
 * belongs to the previous century (RFC 9110, section 5.6.7).
 */
function century(year: number): number {
  const now = new Date().getUTCFullYear();
  const candidate = now - (now % 100) + year;
  return candidate > now + 50 ? candidate - 100 : candidate;
}
