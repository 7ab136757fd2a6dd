/** "83%". */
export function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

/** "1.9 MB". */
export function bytes(count: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** "340 ms", "12.4 s". */
export function duration(seconds: number): string {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}

/** "7 675". */
export function whole(count: number): string {
  return count.toLocaleString("en").replaceAll(",", "\u202F");
}
