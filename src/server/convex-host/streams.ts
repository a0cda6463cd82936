import { failed } from "./host-error";
import { isBefore, keyOf, type KeyRange, type Position } from "./key-range";
import { keyRangeOf, operatorsOf, sourceOf, type Operator, type Query } from "./query-source";
import type { Entry, Store } from "./store";
import type { IndexSchema } from "./schema";
import type { SortedRows } from "./sorted-rows";
import type { Read, Transaction } from "./transaction";

/** One walk through a query's documents. */
export interface Stream {
  /** @returns the JSON of the next document, or null at the end */
  next(): string | null;
}

/**
 * Opens a query. What it records as read reaches as far as it has been walked, so that a window which is full is not
 * touched by what comes after it.
 * @throws HostError `failed`
 */
export function openStream(
  query: Query,
  { store, transaction }: { store: Store; transaction: Transaction },
): Stream {
  const { tableName, indexName, range, isDescending } = sourceOf(query);
  const table = store.table(tableName);
  const index = table?.schema.indexes.find(({ name }) => name === indexName);
  const rows = table?.indexes.get(indexName);
  if (index === undefined || rows === undefined)
    throw failed(`There is no index ${tableName}.${indexName} in the schema.`);
  const walk = createWalk({ rows, index, range: keyRangeOf(index, range), isDescending });
  const read = transaction.recordRead({ table: tableName, index: indexName, range: walk.walked() });
  const stages = operatorsOf(query).map((operator) => ({ operator, passed: 0 }));
  return { next: () => nextKept({ walk, read, stages, transaction }) };
}

function nextKept(opts: {
  walk: Walk;
  read: Read;
  stages: { operator: Operator; passed: number }[];
  transaction: Transaction;
}): string | null {
  const { walk, read, stages, transaction } = opts;
  const isFull = () => stages.some(({ operator, passed }) => "limit" in operator && passed >= operator.limit);
  while (!isFull()) {
    const entry = walk.step();
    read.range = walk.walked();
    if (entry === undefined) return null;
    transaction.readDocument(entry);
    const isKept = stages.every((stage) => {
      if ("keeps" in stage.operator && !stage.operator.keeps(entry.doc)) return false;
      stage.passed += 1;
      return true;
    });
    if (isKept) return entry.json();
  }
  return null;
}

interface Walk {
  step(): Entry | undefined;
  /** From where the walk began to the last row it gave, or to the range's end once there are no more. */
  walked(): KeyRange;
}

/** Looks for its place anew at each step: a function may write to what it walks through. */
function createWalk(opts: {
  rows: SortedRows;
  index: IndexSchema;
  range: KeyRange;
  isDescending: boolean;
}): Walk {
  const { rows, index, range, isDescending } = opts;
  let at: Position = isDescending ? range.hi : range.lo;
  const stepUp = () => {
    const entry = rows.firstFrom(at);
    const key = entry && keyOf(entry.doc, index.paths);
    const isInside = key !== undefined && isBefore(key, range.hi);
    at = isInside ? { prefix: key, isAfter: true } : range.hi;
    return isInside ? entry : undefined;
  };
  const stepDown = () => {
    const entry = rows.lastBefore(at);
    const key = entry && keyOf(entry.doc, index.paths);
    const isInside = key !== undefined && !isBefore(key, range.lo);
    at = isInside ? { prefix: key, isAfter: false } : range.lo;
    return isInside ? entry : undefined;
  };
  return isDescending
    ? { step: stepDown, walked: () => ({ lo: at, hi: range.hi }) }
    : { step: stepUp, walked: () => ({ lo: range.lo, hi: at }) };
}
