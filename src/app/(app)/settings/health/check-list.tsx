import type { HealthReport } from "../../../../server/health/health";
import { StatusDot } from "../../../_ui/status-dot";

const CHECKS = [
  { name: "database", label: "Database" },
  { name: "engine", label: "Container engine" },
  { name: "image", label: "Session image" },
  { name: "mirror", label: "Live view" },
  { name: "backups", label: "Backups" },
] as const;

/** What `/readyz` says, with the sentence of each that is not well. */
export function CheckList({ checks }: { checks: HealthReport["checks"] }) {
  return (
    <ul className="divide-y divide-line">
      {CHECKS.map(({ name, label }) => (
        <li key={name} className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1 py-2">
          <span>{label}</span>
          <Verdict answer={checks[name]} />
        </li>
      ))}
    </ul>
  );
}

function Verdict({ answer }: { answer: string }) {
  if (answer === "ok") return <StatusDot tone="good" word="ok" />;
  if (answer === "off") return <StatusDot tone="off" word="off" />;
  return (
    <>
      <StatusDot tone="failed" word="not well" />
      <p className="basis-full [overflow-wrap:anywhere] text-danger">{answer}</p>
    </>
  );
}
