/** One thing that `doctor` looked at. */
export interface Finding {
  readonly what: string;
  readonly ok: boolean;
  /** Absent, and nothing is the worse for it. */
  readonly optional?: boolean;
  /** Works, but costs time or will get in the way: what to know about it. */
  readonly caution?: boolean;
  readonly detail: string;
}

const stateWidth = 8;
const whatWidth = 17;

/** What is wrong comes first. */
const ranks = { missing: 0, note: 1, absent: 2, ok: 2 } as const;

/**
 * Findings as text: what is wrong first, so that it is seen where the rest scrolls away. On a terminal lines break between words;
 * elsewhere each finding is one line.
 *
 * @param columns of the terminal; undefined where there is none
 */
export function findingsText(findings: readonly Finding[], columns: number | undefined): string {
  const ordered = [...findings].sort((a, b) => ranks[state(a)] - ranks[state(b)]);
  return ordered.map((finding) => findingText(finding, columns)).join("\n");
}

function findingText(finding: Finding, columns: number | undefined): string {
  const head = `${state(finding).padEnd(stateWidth)}${finding.what.padEnd(whatWidth)} `;
  if (columns === undefined) return `${head}${finding.detail}`;
  const indent = columns >= 48 ? stateWidth : 2;
  const lines: string[] = [];
  let line = head;
  for (const word of finding.detail.split(" ")) {
    const fits = line.trimEnd().length + 1 + word.length <= columns;
    if (!fits && line.trim() !== "") {
      lines.push(line.trimEnd());
      line = " ".repeat(indent);
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()].join("\n");
}

function state({ ok, optional, caution }: Finding): "ok" | "note" | "absent" | "missing" {
  if (ok) return caution === true ? "note" : "ok";
  return optional === true ? "absent" : "missing";
}
