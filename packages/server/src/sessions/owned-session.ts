/** A session's name in the engine: names belong to the key that they came with, so that nobody goes on from another's. */
export function ownedSession(keyOwner: string, name: string): string {
  return keyOwner === "" ? name : `${keyOwner}/${name}`;
}

/** A text of the engine, with the name as its client knows it. */
export function withoutOwner(text: string, keyOwner: string): string {
  return keyOwner === "" ? text : text.replaceAll(`${keyOwner}/`, "");
}
