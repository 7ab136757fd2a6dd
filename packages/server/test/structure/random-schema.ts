const names = ["name", "age", "street address", "tags", "größe", "is_open", "id", "items", "kind", "note"];

/** A schema of the kind people write: objects with some required properties, lists, texts, numbers, choices, alternatives. */
export function randomSchema(random: () => number, depth = 0): Record<string, unknown> {
  const pick = (count: number) => Math.floor(((random() + 1) / 2) * count) % count;
  switch (depth === 0 ? 0 : pick(depth > 2 ? 6 : 9)) {
    case 0:
    case 7: {
      const own = names.filter(() => random() > 0.2);
      const properties = Object.fromEntries((own.length === 0 ? ["id"] : own).map((name) => [name, depth > 2 ? { type: "boolean" } : randomSchema(random, depth + 1)]));
      const required = Object.keys(properties).filter(() => random() > -0.3);
      return { type: "object", description: "an object", properties, required, ...(random() > 0 ? { additionalProperties: false } : {}) };
    }
    case 1:
      return random() > 0 ? { type: "string" } : { type: "string", minLength: 1, maxLength: 12 };
    case 2:
      return random() > 0 ? { type: "integer", minimum: -5, maximum: 120 } : { type: "number" };
    case 3:
      return { type: ["boolean", "null"] };
    case 4:
      return { enum: ["red", "green \"blue\"", 3, null].slice(pick(3)) };
    case 5:
      return random() > 0 ? { const: { a: [1, "x"] } } : { type: "string", pattern: "^[A-Z]{2}-[0-9]{1,4}$" };
    case 6:
      return { type: "array", items: randomSchema(random, depth + 1), minItems: pick(2), maxItems: 3 };
    default:
      return { anyOf: [randomSchema(random, depth + 1), { type: "null" }] };
  }
}
