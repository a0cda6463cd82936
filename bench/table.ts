import { summarise, USUAL_TAIL } from "./stats";

/** One line of the table: our samples beside the baseline's, taken in the same run. */
export interface Figure {
  name: string;
  unit: "ms" | "MB" | "kB" | "frames/s" | "events/s";
  ours: readonly number[];
  baseline: readonly number[];
  /** How the two are compared: ours divided by the baseline, or ours less the baseline. */
  compare: "ratio" | "added";
  /** What stands behind the slash: 0.95 unless the aim is about another percentile. */
  tail?: number;
  /** Such as `≤ 1.25 ×`; which percentile it is about stands in it. */
  aim: string;
  /** What the baseline is, in a few words. */
  baselineIs: string;
}

export interface FigureReport {
  figures: Figure[];
  /** Where the time or memory goes; printed under the table. */
  notes: string[];
}

const HEAD = ["figure", "ours p50 / p95", "baseline p50 / p95", "ratio or added (p50 / p95)", "aim", "n"];

/** The table, what the baselines are, and the notes, in Markdown. */
export function renderReport(reports: readonly FigureReport[], machine: string): string {
  const figures = reports.flatMap((report) => report.figures);
  const lines = [
    row(HEAD),
    row(HEAD.map(() => "---")),
    ...figures.map((figure) => row(cells(figure))),
    "",
    machine,
    "",
    "Baselines, taken in turn with ours in the same run:",
    "",
    ...figures.map((figure) => `- ${figure.name}: ${figure.baselineIs}`),
  ];
  const notes = reports.flatMap((report) => report.notes);
  if (notes.length > 0) lines.push("", "Where it goes:", "", ...notes.map((note) => `- ${note}`));
  return `${lines.join("\n")}\n`;
}

function cells({ name, unit, ours, baseline, compare, aim, tail = USUAL_TAIL }: Figure): string[] {
  const a = summarise(ours, tail);
  const b = summarise(baseline, tail);
  const which = tail === USUAL_TAIL ? "" : ` (p${tail * 100})`;
  const against = (x: number, y: number) =>
    compare === "ratio"
      ? `${(x / y).toFixed(2)} ×`
      : `${x < y ? "−" : "+"}${number(Math.abs(x - y))} ${unit}`;
  return [
    name,
    `${number(a.p50)} / ${number(a.tail)} ${unit}${which}`,
    `${number(b.p50)} / ${number(b.tail)} ${unit}${which}`,
    `${against(a.p50, b.p50)} / ${against(a.tail, b.tail)}${which}`,
    aim,
    a.n === b.n ? String(a.n) : `${a.n}, ${b.n}`,
  ];
}

/** Three digits that mean something. */
export function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function row(columns: readonly string[]): string {
  return `| ${columns.join(" | ")} |`;
}
