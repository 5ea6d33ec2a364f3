// Reads the settings of the worker. Each setting is a JSON string in a binding of the worker (docs/contracts.md).

/**
 * Returns a function that parses the value of a binding into a setting. If the worker does not have the binding, the
 * value and the setting are undefined. The worker calls the function for each request, so the function parses a value
 * again only after the value has changed.
 */
export function settingOf<Setting>(
  read: (fields: Record<string, number>) => Setting,
): (text: string | undefined) => Setting | undefined {
  let parsed: { text: string; setting: Setting } | undefined;
  return (text) => {
    if (text === undefined) return undefined;
    if (parsed?.text !== text) parsed = { text, setting: read(JSON.parse(text) as Record<string, number>) };
    return parsed.setting;
  };
}
