// Reads the settings of the worker. Each setting is a JSON text in a binding of the worker (docs/contracts.md).

/**
 * Returns a function that reads a setting. The returned function takes the text of a binding and returns the parsed
 * setting, or undefined without a text. It is called for each request, so it parses a text only if the text has
 * changed.
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
