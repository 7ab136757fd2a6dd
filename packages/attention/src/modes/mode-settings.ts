import { InvalidModeError, nearestName } from "@elastic-attention/core";

/** Numbers that a mode's name carries: `fa-pages:budget=1/8:page=32`. */
export type ModeSettings = Readonly<Record<string, number>>;

/** A mode's name as it is asked for, and the settings behind it. */
export interface NamedMode {
  readonly name: string;
  readonly settings: ModeSettings;
}

/**
 * Takes the settings off a mode's name: `NAME[:SETTING=NUMBER]…`, where a number may be a fraction such as 1/8.
 * @throws InvalidModeError for a setting without a number, and for one that is given twice
 */
export function parseModeName(text: string): NamedMode {
  const [name = "", ...parts] = text.split(":");
  const settings: Record<string, number> = {};
  for (const part of parts) {
    const [, setting, value] = /^([a-z-]+)=(.+)$/.exec(part) ?? [];
    const number = value === undefined ? NaN : numberOf(value);
    if (setting === undefined || !Number.isFinite(number)) {
      throw new InvalidModeError(
        `Mode ${JSON.stringify(text)}: ${JSON.stringify(part)} is no setting.`,
        "Write settings behind the mode, each as :NAME=NUMBER, for example fa-pages:budget=1/8.",
      );
    }
    if (setting in settings) throw new InvalidModeError(`Mode ${JSON.stringify(text)} gives ${setting} twice.`);
    settings[setting] = number;
  }
  return { name, settings };
}

/** @throws InvalidModeError naming the settings that are known, for one that none of the modes takes */
export function expectKnownSettings(name: string, settings: ModeSettings, known: readonly string[]): void {
  for (const setting of Object.keys(settings)) {
    if (known.includes(setting)) continue;
    const nearest = nearestName(setting, known);
    throw new InvalidModeError(
      `Mode "${name}" has no setting "${setting}"; known: ${known.length === 0 ? "none" : known.join(", ")}.`,
      nearest === undefined ? undefined : `Did you mean "${nearest}"?`,
    );
  }
}

function numberOf(text: string): number {
  const [, numerator, denominator] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  return numerator === undefined ? Number(text) : Number(numerator) / Number(denominator);
}
