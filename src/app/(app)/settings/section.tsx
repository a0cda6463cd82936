import type { ReactNode } from "react";

interface SectionProps {
  title: string;
  lead?: ReactNode;
  action?: ReactNode;
  children: ReactNode;
}

/** One matter of the settings, with a hairline to the next. */
export function Section({ title, lead, action, children }: SectionProps) {
  return (
    <section className="border-b border-line py-5 last:border-b-0">
      <div className="mb-3 flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1 basis-64">
          <h2 className="font-semibold">{title}</h2>
          {lead !== undefined && <p className="mt-0.5 max-w-[62ch] text-muted">{lead}</p>}
        </div>
        {action}
      </div>
      {children}
    </section>
  );
}
