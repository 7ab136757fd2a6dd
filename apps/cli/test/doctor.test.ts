import { describe, expect, test } from "vitest";
import { type Finding, findingsText } from "../src/commands/doctor/finding.js";

const findings: Finding[] = [
  { what: "node", ok: true, detail: "v20.20.2 on linux-x64-gnu" },
  { what: "busy", ok: true, caution: true, detail: "load 9.0 on 2 cores: other programs take part of the machine" },
  { what: "backend cuda", ok: false, optional: true, detail: "no NVIDIA driver was found" },
  { what: "backend cpu", ok: false, detail: "the package @elastic-attention/cpu-linux-x64-gnu is not installed; npm install brings it" },
];

describe("what doctor prints", () => {
  test("has what is missing first, then what costs time, then the rest in its order", () => {
    const order = findingsText(findings, undefined).split("\n").map((line) => /^(\w+) +(\w+(?: \w+)?)/.exec(line)?.slice(1).join(": "));
    expect(order).toEqual(["missing: backend cpu", "note: busy", "ok: node", "absent: backend cuda"]);
  });

  test("is one line a finding where there is no terminal", () => {
    expect(findingsText(findings, undefined).split("\n")).toHaveLength(findings.length);
  });

  test.each([20, 40, 60, 200])("breaks between words on a terminal of %i columns and loses none", (columns) => {
    const text = findingsText(findings, columns);
    for (const line of text.split("\n")) if (line.trim().includes(" ") && line.startsWith("  ")) expect(line.length).toBeLessThanOrEqual(Math.max(columns, 26));
    for (const { detail } of findings) expect(text.replaceAll(/\s+/g, " ")).toContain(detail);
  });
});
