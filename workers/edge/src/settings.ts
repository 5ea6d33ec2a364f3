// Reads the settings of the worker. Each setting is a JSON text in a binding of the worker (docs/contracts.md).

/**
 * Returns a function that takes the text of a binding and returns the setting in it. Without such a binding, the text
 * and the result are undefined. Each request calls the function, so the function parses a text only if it has changed.
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
