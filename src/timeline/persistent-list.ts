const BITS = 5;
const WIDTH = 1 << BITS;
const MASK = WIDTH - 1;

/** Inner nodes hold nodes, those of the lowest level hold items. */
type Node = readonly unknown[];

/**
 * A list whose every change is a new list that shares nearly all of the old one: a change copies one path of a tree of
 * width 32, so a delta into a conversation of 20,000 messages costs four small arrays.
 */
export class PersistentList<T> implements Iterable<T> {
  private constructor(
    readonly length: number,
    private readonly shift: number,
    private readonly root: Node,
  ) {}

  static empty<T>(): PersistentList<T> {
    return new PersistentList<T>(0, 0, []);
  }

  static from<T>(items: Iterable<T>): PersistentList<T> {
    let list = PersistentList.empty<T>();
    for (const item of items) list = list.push(item);
    return list;
  }

  at(index: number): T | undefined {
    if (index < 0 || index >= this.length) return undefined;
    let node = this.root;
    for (let shift = this.shift; shift > 0; shift -= BITS) node = node[(index >> shift) & MASK] as Node;
    return node[index & MASK] as T;
  }

  /** @throws RangeError when there is nothing at `index`. */
  set(index: number, item: T): PersistentList<T> {
    if (index < 0 || index >= this.length) throw new RangeError(`No item at ${index} of ${this.length}`);
    return new PersistentList<T>(this.length, this.shift, put(this.root, { shift: this.shift, index, item }));
  }

  push(item: T): PersistentList<T> {
    const index = this.length;
    const full = index === 1 << (this.shift + BITS);
    const shift = full ? this.shift + BITS : this.shift;
    const root = full ? [this.root] : this.root;
    return new PersistentList<T>(index + 1, shift, put(root, { shift, index, item }));
  }

  /** @returns items from `start` up to and without `end` */
  slice(start = 0, end = this.length): T[] {
    const items: T[] = [];
    for (let index = Math.max(0, start); index < Math.min(end, this.length); index += 1)
      items.push(this.at(index) as T);
    return items;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let index = 0; index < this.length; index += 1) yield this.at(index) as T;
  }
}

function put(node: Node, at: { shift: number; index: number; item: unknown }): Node {
  const slot = (at.index >> at.shift) & MASK;
  const copy = node.slice();
  copy[slot] =
    at.shift === 0 ? at.item : put((node[slot] as Node | undefined) ?? [], { ...at, shift: at.shift - BITS });
  return copy;
}
