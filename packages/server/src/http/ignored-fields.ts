/** As many as are named at most. */
const mostNamed = 32;

/** Paths of the fields of a body that its schema dropped: what the server does not know. */
export function ignoredFields(body: unknown, known: unknown): readonly string[] {
  const paths: string[] = [];
  collect(body, known, "", paths);
  return paths;
}

function collect(body: unknown, known: unknown, path: string, paths: string[]): void {
  if (typeof body !== "object" || typeof known !== "object" || body === null || known === null || body === known) return;
  for (const [key, value] of Object.entries(body)) {
    if (paths.length >= mostNamed) return;
    const place = path === "" ? key : `${path}.${key}`;
    if (!Object.hasOwn(known, key)) paths.push(place);
    else collect(value, (known as Record<string, unknown>)[key], place, paths);
  }
}

/** As a header carries them: names of fields may have any character. */
export function ignoredHeader(paths: readonly string[]): string {
  return paths.map((path) => encodeURIComponent(path).slice(0, 100)).join(", ");
}
