const day = String.raw`\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])`;
const time = String.raw`([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-3]):[0-5]\d)`;
const label = "[a-z0-9]{1,10}(-[a-z0-9]{1,10})?";
const name = "[a-z0-9]+(-[a-z0-9]+)*";
const byte = String.raw`(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;

/** Formats of texts as patterns. What matches one has the format; not all that has it matches (no month has a 29th day here). */
export const textFormats: Readonly<Record<string, string | undefined>> = {
  date: `^${day}$`,
  time: `^${time}$`,
  "date-time": `^${day}T${time}$`,
  duration: String.raw`^P(\d{1,4}D(T\d{1,3}H)?|T\d{1,4}[HMS])$`,
  email: `^[a-z0-9]+([._-][a-z0-9]+)*@${name}(\\.${name})*\\.[a-z]{2,8}$`,
  hostname: `^${label}(\\.${label}){0,3}$`,
  ipv4: `^(${byte}\\.){3}${byte}$`,
  ipv6: "^([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$",
  uuid: "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
  uri: `^https?://${name}(\\.${name})*(:[1-9]\\d{0,3})?(/[A-Za-z0-9._~-]+)*/?([?][A-Za-z0-9._~=&-]+)?(#[A-Za-z0-9._~-]+)?$`,
};
