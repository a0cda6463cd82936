const BITS = 5;
const MASK = (1 << BITS) - 1;
/** Three levels of width 32: 32,768 buckets, so a bucket of a long session holds one or two entries. */
const TOP_SHIFT = 2 * BITS;

type Bucket<V> = readonly (readonly [key: string, value: V])[];
type Node = readonly unknown[];

/** A map by string whose every change is a new map that shares nearly all of the old one. Unordered. */
export class PersistentMap<V> implements Iterable<readonly [string, V]> {
  private constructor(
    readonly size: number,
    private readonly root: Node,
  ) {}

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(0, []);
  }

  static from<V>(entries: Iterable<readonly [string, V]>): PersistentMap<V> {
    let map = PersistentMap.empty<V>();
    for (const [key, value] of entries) map = map.set(key, value);
    return map;
  }

  get(key: string): V | undefined {
    return this.bucket(hash(key)).find((entry) => entry[0] === key)?.[1];
  }

  set(key: string, value: V): PersistentMap<V> {
    const code = hash(key);
    const bucket = this.bucket(code);
    const others = bucket.filter((entry) => entry[0] !== key);
    const grown = this.size + (others.length === bucket.length ? 1 : 0);
    return new PersistentMap<V>(
      grown,
      put(this.root, { shift: TOP_SHIFT, code, bucket: [...others, [key, value]] }),
    );
  }

  *[Symbol.iterator](): Iterator<readonly [string, V]> {
    for (const upper of this.root as readonly (Node | undefined)[]) {
      for (const lower of (upper ?? []) as readonly (Node | undefined)[]) {
        for (const bucket of (lower ?? []) as readonly (Bucket<V> | undefined)[]) yield* bucket ?? [];
      }
    }
  }

  private bucket(code: number): Bucket<V> {
    let node: Node | undefined = this.root;
    for (let shift = TOP_SHIFT; shift >= 0; shift -= BITS) {
      node = node[(code >> shift) & MASK] as Node | undefined;
      if (node === undefined) return [];
    }
    return node as Bucket<V>;
  }
}

function put(node: Node, at: { shift: number; code: number; bucket: Bucket<unknown> }): Node {
  const slot = (at.code >> at.shift) & MASK;
  const copy = node.slice();
  copy[slot] =
    at.shift === 0
      ? at.bucket
      : put((node[slot] as Node | undefined) ?? [], { ...at, shift: at.shift - BITS });
  return copy;
}

/** FNV-1a, folded to the 15 bits that the tree uses. */
function hash(key: string): number {
  let code = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) code = Math.imul(code ^ key.charCodeAt(i), 0x01000193);
  return (code ^ (code >>> 15)) & 0x7fff;
}
