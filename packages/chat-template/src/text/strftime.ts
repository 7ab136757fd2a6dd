const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/** Fields of a date that are numbers: what they are padded with, and to how many characters. */
const numbers: Readonly<Record<string, readonly [padding: string, width: number, read: (date: Date) => number]>> = {
  d: ["0", 2, (date) => date.getDate()],
  e: [" ", 2, (date) => date.getDate()],
  H: ["0", 2, (date) => date.getHours()],
  k: [" ", 2, (date) => date.getHours()],
  I: ["0", 2, (date) => date.getHours() % 12 || 12],
  l: [" ", 2, (date) => date.getHours() % 12 || 12],
  j: ["0", 3, (date) => dayOfYear(date) + 1],
  m: ["0", 2, (date) => date.getMonth() + 1],
  M: ["0", 2, (date) => date.getMinutes()],
  S: ["0", 2, (date) => date.getSeconds()],
  f: ["0", 6, (date) => date.getMilliseconds() * 1000],
  u: ["", 1, (date) => date.getDay() || 7],
  w: ["", 1, (date) => date.getDay()],
  y: ["0", 2, (date) => date.getFullYear() % 100],
  Y: ["", 4, (date) => date.getFullYear()],
  C: ["0", 2, (date) => Math.floor(date.getFullYear() / 100)],
  G: ["", 4, (date) => isoWeek(date).year],
  g: ["0", 2, (date) => isoWeek(date).year % 100],
  V: ["0", 2, (date) => isoWeek(date).week],
  U: ["0", 2, (date) => Math.floor((dayOfYear(date) + 7 - date.getDay()) / 7)],
  W: ["0", 2, (date) => Math.floor((dayOfYear(date) + 7 - ((date.getDay() + 6) % 7)) / 7)],
  s: ["", 1, (date) => Math.floor(date.getTime() / 1000)],
};

const texts: Readonly<Record<string, (date: Date) => string>> = {
  a: (date) => days[date.getDay()]!.slice(0, 3),
  A: (date) => days[date.getDay()]!,
  b: (date) => months[date.getMonth()]!.slice(0, 3),
  h: (date) => months[date.getMonth()]!.slice(0, 3),
  B: (date) => months[date.getMonth()]!,
  p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
  P: (date) => (date.getHours() < 12 ? "am" : "pm"),
  n: () => "\n",
  t: () => "\t",
  "%": () => "%",
  // A clock without a time zone, as transformers' is.
  z: () => "",
  Z: () => "",
};

const shorthands: Readonly<Record<string, string>> = {
  c: "%a %b %e %H:%M:%S %Y",
  x: "%m/%d/%y",
  X: "%H:%M:%S",
  D: "%m/%d/%y",
  F: "%Y-%m-%d",
  T: "%H:%M:%S",
  R: "%H:%M",
  r: "%I:%M:%S %p",
};

/** Python's `strftime` of a local time in the C locale, with the flags `-`, `_`, `0` and `^` of the GNU library. */
export function formatTime(date: Date, format: string): string {
  return format.replace(/%([-_0^]?)([^])/gu, (whole, flag: string, letter: string) => {
    const shorthand = shorthands[letter];
    if (shorthand !== undefined) return formatTime(date, shorthand);
    const number = numbers[letter];
    if (number !== undefined) {
      const [padding, width, read] = number;
      const fill = flag === "-" ? "" : flag === "_" ? " " : flag === "0" ? "0" : padding;
      return fill === "" ? String(read(date)) : String(read(date)).padStart(width, fill);
    }
    const text = texts[letter];
    if (text === undefined) return whole;
    return flag === "^" ? text(date).toUpperCase() : text(date);
  });
}

function dayOfYear(date: Date): number {
  return Math.round((Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 1)) / 86_400_000);
}

/** The week of ISO 8601, which belongs to the year of its Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 4 - (date.getDay() || 7));
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}
