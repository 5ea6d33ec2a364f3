// Reads the settings of the worker. Each setting is a JSON text in a binding of the worker (docs/contracts.md).

/**
 * Returns a function that reads a setting from the text of its binding. If the worker has no such binding, the function
 * returns undefined. Each request calls the function, so it parses the same text only once.
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
