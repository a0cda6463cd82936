"use client";

import { useQuery } from "@tanstack/react-query";
import type { HealthReport } from "../../../../server/health/health";
import { api } from "../../../_client/api";
import { sentenceOf } from "../../../_client/sentence-of";
import { byteSize } from "../../../_ui/byte-size";
import { Button } from "../../../_ui/button";
import { Meter } from "../../../_ui/meter";
import { Notice } from "../../../_ui/notice";
import { Spinner } from "../../../_ui/spinner";
import { duration } from "../../sessions/[id]/_conversation/figures";
import { Section } from "../section";
import { CheckList } from "./check-list";
import { Figures } from "./figures";
import { figuresOf } from "./report-figures";

const REFRESH_MS = 5_000;

/** How the server is, at a glance; as fresh as a few seconds while somebody looks. */
export function HealthPage() {
  const { data, error, refetch } = useQuery({
    queryKey: ["system", "health"],
    queryFn: () => api.system.health.query(),
    refetchInterval: REFRESH_MS,
  });
  return (
    <>
      {error !== null && (
        <Notice
          className="mt-5"
          action={
            <Button kind="plain" onClick={() => void refetch()}>
              Try again
            </Button>
          }
        >
          {sentenceOf(error)}
          {data !== undefined && " What stands here is the last that it said."}
        </Notice>
      )}
      {data !== undefined ? (
        <Report report={data} />
      ) : (
        error === null && (
          <div className="py-5">
            <Spinner label="Loading…" />
          </div>
        )
      )}
    </>
  );
}

function Report({ report }: { report: HealthReport }) {
  const figures = figuresOf(report);
  const { freeBytes, totalBytes, isLow, databaseBytes } = report.disk;
  return (
    <>
      <Section
        title="Health"
        lead={`Version ${report.version}, up for ${duration(report.uptimeSeconds * 1000)}.`}
      >
        <CheckList checks={report.checks} />
      </Section>
      <Section title="Sessions">
        <Figures figures={figures.sessions} />
      </Section>
      <Section title="Events">
        <Figures figures={figures.events} />
      </Section>
      <Section title="Live view" lead="How far what browsers watch is behind the log.">
        <Figures figures={figures.mirror} />
      </Section>
      <Section title="Disk">
        <Meter
          label="Data directory"
          text={`${byteSize(freeBytes)} of ${byteSize(totalBytes)} free`}
          value={totalBytes - freeBytes}
          max={totalBytes}
          high={isLow}
        />
        <p className="mt-2 text-small text-muted">The database takes {byteSize(databaseBytes)} of it.</p>
      </Section>
      <Section title="Engine and process">
        <Figures figures={figures.engine} />
      </Section>
    </>
  );
}
