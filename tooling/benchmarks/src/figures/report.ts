import { cpus, loadavg } from "node:os";
import type { BenchmarkResult } from "../benchmark.js";
import type { Figure } from "./figure.js";

/** What a figure depends on besides the code. */
export interface MachineDescription {
  readonly processor: string;
  readonly cores: number;
  readonly node: string;
  /** Load of the last minute before the run: above about 0.3 something else was running, and figures suffer. */
  readonly loadBefore: number;
}

export interface Report extends BenchmarkResult {
  readonly benchmark: string;
  readonly machine: MachineDescription;
  /** Wall time of the whole benchmark, in seconds. */
  readonly seconds: number;
}

/** The machine as it is now; call it before the benchmark. */
export function describeMachine(): MachineDescription {
  const processors = cpus();
  const processor = processors[0]?.model.trim() ?? "unknown processor";
  return { processor, cores: processors.length, node: process.version, loadBefore: loadavg()[0]! };
}

/** The report as text for a terminal. */
export function formatReport({ benchmark, machine, seconds, figures, notes }: Report): string {
  const { processor, cores, node, loadBefore } = machine;
  const rows = figures.map(cellsOf);
  const header = ["what", "unit", "ours best", "median", "against", "best", "median", "ratio best", "median", "target", ""];
  return [
    `${benchmark}: ${processor}, ${cores} cores, Node ${node}, load before ${loadBefore.toFixed(2)}, took ${seconds.toFixed(0)} s`,
    ...table([header, ...rows]),
    ...figures.flatMap(({ what, note }) => (note === undefined ? [] : [`${what}: ${note}`])),
    ...notes,
  ].join("\n");
}

function cellsOf({ what, unit, ours, peer, ratio, target, reached }: Figure): string[] {
  const verdict = target === undefined ? "" : reached === undefined ? "open" : reached ? "reached" : "missed";
  return [
    what,
    unit,
    significant(ours.best),
    significant(ours.median),
    peer?.name ?? "",
    peer === undefined ? "" : significant(peer.best),
    peer === undefined ? "" : significant(peer.median),
    ratio === undefined ? "" : `${ratio.best.toFixed(2)}x`,
    ratio === undefined ? "" : `${ratio.median.toFixed(2)}x`,
    target === undefined ? "" : `${target.bound} ${target.value}`,
    verdict,
  ];
}

function significant(value: number): string {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
}
