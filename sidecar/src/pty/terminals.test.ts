import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { terminalInfo } from "../protocol";
import { sessionMembers } from "./end-session";
import { openViewerGate, type ViewerGate } from "./terminal-viewer.testing";
import { createTerminals, TerminalError, type Terminals } from "./terminals";

const PROMPT = "ready> ";
const KIB = 1024;

let terminals: Terminals;
let gate: ViewerGate;

beforeEach(async () => {
  terminals = createTerminals({
    shell: ["env", `PS1=${PROMPT}`, "/bin/bash", "--norc", "--noprofile", "--noediting"],
    cwd: tmpdir(),
    env: { PATH: "/usr/bin:/bin", TERM: "xterm-256color", HOME: tmpdir(), LANG: "C.UTF-8" },
    maxTerminals: 3,
  });
  gate = await openViewerGate(terminals);
});

afterEach(async () => {
  const pids = terminals.shellPids();
  terminals.closeAll();
  await gate.close();
  await until(() => pids.flatMap(sessionMembers)).toEqual([]);
});

const until = <T>(read: () => T) => expect.poll(read, { interval: 20 });
const create = (terminalId = "trm_1") => terminals.create({ terminalId, cols: 80, rows: 24 });
const shellPid = () => {
  const [pid] = terminals.shellPids();
  if (pid === undefined) throw new Error("no shell runs");
  return pid;
};

test("a shell answers what is typed, with the size and environment it was given", async () => {
  expect(terminalInfo.parse(create())).toMatchObject({
    terminalId: "trm_1",
    cols: 80,
    rows: 24,
    running: true,
  });
  const viewer = await gate.view("trm_1");
  await until(() => viewer.notices).toEqual([{ type: "state", cols: 80, rows: 24, fromOffset: 0 }]);
  viewer.type("stty size; echo $TERM-$((40+2)); pwd\r");
  await until(() => viewer.text).toContain("24 80\r\nxterm-256color-42\r\n" + tmpdir());
  viewer.type('env | grep -c . | sed "s/^/vars=/"; env | grep VITEST; echo all-$((40+2))\r');
  await until(() => viewer.text).toMatch(/vars=\d+[^]*all-42/);
  expect(viewer.text).not.toMatch(/VITEST[^\r]*=/);
});

test("the terminal's device may be opened by another uid", async () => {
  create();
  const viewer = await gate.view("trm_1");
  viewer.type("tty\r");
  await until(() => viewer.text).toMatch(/\/dev\/pts\/\d+\r/);
  const device = /\/dev\/pts\/\d+/.exec(viewer.text)?.[0] ?? "";
  expect(statSync(device).mode & 0o777).toBe(0o666);
});

test("a shell holds its own terminal and nothing of the ones before it", async () => {
  create("a");
  create("b");
  const viewer = await gate.view("b");
  await until(() => viewer.text).toContain(PROMPT);
  const folder = `/proc/${terminals.shellPids()[1]}/fd`;
  const held = readdirSync(folder).map((fd) => readlinkSync(`${folder}/${fd}`));
  // bash keeps a fourth of its own.
  expect(held).toHaveLength(4);
  expect(new Set(held)).toEqual(new Set([expect.stringMatching(/^\/dev\/pts\/\d+$/)]));
  expect(new Set(held).size).toBe(1);
});

test("a character cut by a read arrives whole", async () => {
  create();
  const viewer = await gate.view("trm_1");
  viewer.type("printf '\\xf0\\x9f'; sleep 0.05; printf '\\x98\\x80\\n'\r");
  await until(() => viewer.text).toContain("😀");
});

test("several viewers see the same bytes, and a resize of one reaches all", async () => {
  create();
  const [one, two] = await Promise.all([gate.view("trm_1"), gate.view("trm_1")]);
  one.type("echo from-$((1+0))\r");
  two.type("echo from-$((1+1))\r");
  await until(() =>
    [one, two].every((v) => v.text.includes("from-1\r\n") && v.text.includes("from-2\r\n")),
  ).toBe(true);
  two.send({ type: "resize", cols: 100, rows: 30 });
  await until(() => one.notices.at(-1)).toMatchObject({ type: "state", cols: 100, rows: 30 });
  one.type("stty size\r");
  await until(() => two.text).toContain("30 100");
  expect(terminals.get("trm_1")).toMatchObject({ cols: 100, rows: 30 });
  await until(() => one.text === two.text).toBe(true);
});

test("a viewer that comes back gets exactly what it missed", async () => {
  create();
  const first = await gate.view("trm_1");
  first.type("echo before-$((0+1))\r");
  await until(() => first.text).toContain(`before-1\r\n${PROMPT}`);
  first.drop();
  const other = await gate.view("trm_1");
  other.type("echo after-$((1+1))\r");
  await until(() => other.text).toContain(`after-2\r\n${PROMPT}`);
  const back = await gate.view("trm_1", { afterByte: first.end });
  await until(() => first.text + back.text).toBe(other.text);
  expect(back.notices[0]).toMatchObject({ fromOffset: first.end });
});

test("replay starts later, and says so, when the ring has moved on; nobody attached pauses nothing", async () => {
  create();
  const first = await gate.view("trm_1");
  // It begins when a file goes away, and that is when nobody is attached any more.
  const held = join(mkdtempSync(join(tmpdir(), "oa-held-")), "held");
  writeFileSync(held, "");
  first.type(`while test -e ${held}; do sleep 0.02; done; seq 1 90000; echo end-$((3+4))\r`);
  await until(() => first.text).toContain("seq");
  first.drop();
  rmSync(dirname(held), { recursive: true });
  await until(() => terminals.get("trm_1")?.endOffset ?? 0).toBeGreaterThan(500 * KIB);
  const back = await gate.view("trm_1", { afterByte: first.end });
  await until(() => back.tail).toContain("end-7");
  expect(back.from).toBeGreaterThanOrEqual(244 * KIB);
  expect(back.notices[0]).toMatchObject({ type: "state", fromOffset: back.from });
});

test("a program whose viewer takes nothing is stopped, and Ctrl-C still ends it", async () => {
  create();
  const viewer = await gate.view("trm_1", { acks: false });
  viewer.type("yes\r");
  await until(() => terminals.get("trm_1")?.endOffset ?? 0).toBeGreaterThan(256 * KIB);
  create("trm_2");
  const other = await gate.view("trm_2");
  other.type("seq 1 300000; echo end-$((3+4))\r");
  await until(() => other.tail).toContain("\r\n300000\r\nend-7\r\n");
  // While 2 MiB came out of its neighbour.
  expect(terminals.get("trm_1")?.endOffset).toBeLessThan(KIB * KIB);
  viewer.type("\x03");
  viewer.send({ type: "ack", offset: viewer.end });
  await until(() => {
    viewer.send({ type: "ack", offset: viewer.end });
    return viewer.tail.endsWith(PROMPT);
  }).toBe(true);
});

test("a viewer that stands still beside one that keeps up is told to resync; the other misses nothing", async () => {
  create();
  const fast = await gate.view("trm_1");
  const slow = await gate.view("trm_1", { acks: false });
  fast.type("seq 1 300000; echo end-$((3+4))\r");
  await until(() => slow.closed).toEqual({ code: 4008, reason: "resync" });
  await until(() => fast.tail).toContain("\r\n300000\r\nend-7\r\n");
  expect(fast.closed).toBeUndefined();
  const back = await gate.view("trm_1", { afterByte: slow.end });
  await until(() => back.tail).toContain("end-7");
});

test("a viewer frozen on the wire does not hold the program once it is gone", async () => {
  create();
  const frozen = await gate.view("trm_1", { acks: false });
  frozen.type("seq 1 300000; echo end-$((3+4))\r");
  frozen.freeze();
  await until(() => terminals.get("trm_1")?.endOffset ?? 0).toBeGreaterThan(256 * KIB);
  frozen.drop();
  await until(() => terminals.get("trm_1")?.endOffset ?? 0).toBeGreaterThan(2000 * KIB);
});

test("the exit code is kept until the terminal is closed, and late viewers get output and exit", async () => {
  create();
  const viewer = await gate.view("trm_1");
  viewer.type("echo bye; exit 7\r");
  await until(() => viewer.notices.at(-1)).toEqual({ type: "exit", code: 7 });
  expect(terminals.get("trm_1")).toMatchObject({ running: false, exitCode: 7 });
  expect(terminals.shellPids()).toEqual([]);
  const late = await gate.view("trm_1");
  await until(() => late.notices.at(-1)).toEqual({ type: "exit", code: 7 });
  await until(() => late.text).toContain("bye");
  late.type("echo nobody\r");
  late.send({ type: "resize", cols: 90, rows: 20 });
  expect(terminals.close("trm_1")).toBe(true);
  await until(() => late.closed?.code).toBe(1000);
  expect(terminals.list()).toEqual([]);
  expect(terminals.close("trm_1")).toBe(false);
});

test("a shell ended by a signal reports 128 and the signal", async () => {
  create();
  const viewer = await gate.view("trm_1");
  await until(() => viewer.text).toContain(PROMPT);
  viewer.type("kill -9 $$\r");
  await until(() => viewer.notices.at(-1)).toEqual({ type: "exit", code: 137 });
});

test("closing ends what ran in it, background jobs and those that ignore SIGHUP included", async () => {
  create();
  const viewer = await gate.view("trm_1");
  const pid = shellPid();
  viewer.type("nohup sleep 300 >/dev/null & trap '' HUP; sleep 301 & disown; cat\r");
  await until(() => sessionMembers(pid).length).toBe(4);
  expect(terminals.close("trm_1")).toBe(true);
  await until(() => sessionMembers(pid)).toEqual([]);
  await until(() => viewer.closed).toEqual({ code: 1000, reason: "terminal closed" });
});

test("the same id again is the same terminal; one too many is refused until one is closed", async () => {
  create("a");
  const pid = shellPid();
  expect(terminals.create({ terminalId: "a", cols: 10, rows: 10 })).toMatchObject({ cols: 80 });
  expect(terminals.shellPids()).toEqual([pid]);
  create("b");
  create("c");
  expect(() => create("d")).toThrow(TerminalError);
  expect(() => create("d")).toThrow(/3 terminals already; close one/);
  terminals.close("b");
  expect(create("d").running).toBe(true);
  expect(terminals.list().map((terminal) => terminal.terminalId)).toEqual(["a", "c", "d"]);
});

test("an ended terminal gives way to a new one, the oldest first, and only when its place is needed", async () => {
  for (const id of ["a", "b", "c"]) create(id);
  for (const id of ["b", "c"]) (await gate.view(id)).type("exit\r");
  await until(() => terminals.list().map(({ running }) => running)).toEqual([true, false, false]);
  const watching = await gate.view("b");
  create("d");
  await until(() => watching.closed?.code).toBe(1000);
  expect(terminals.list().map(({ terminalId }) => terminalId)).toEqual(["a", "c", "d"]);
  create("e");
  expect(() => create("f")).toThrow(TerminalError);
  expect(terminals.list().map(({ terminalId }) => terminalId)).toEqual(["a", "d", "e"]);
});

test("no viewer is made for a terminal that is not there", async () => {
  const viewer = await gate.view("trm_absent");
  await until(() => viewer.closed?.code).toBe(4404);
});

test.each([
  ["binary", Buffer.from([0, 1])],
  ["no JSON", "hello"],
  ["an unknown type", '{"type":"kill"}'],
  ["a size out of bounds", '{"type":"resize","cols":0,"rows":5}'],
  ["input beyond 64 KiB", JSON.stringify({ type: "input", data: "x".repeat(64 * KIB + 1) })],
  ["an ack of bytes never sent", '{"type":"ack","offset":99999999}'],
  ["a prototype", '{"__proto__":{"type":"input","data":"echo hacked"}}'],
])("a viewer that sends %s is closed and nothing is typed", async (_name, data) => {
  create();
  const [bad, good] = await Promise.all([gate.view("trm_1"), gate.view("trm_1")]);
  bad.sendRaw(data);
  bad.type("echo hac''ked\r");
  await until(() => bad.closed?.code).toBe(1008);
  good.type("echo fi''ne\r");
  await until(() => good.text).toContain("fine");
  expect(good.text).not.toContain("hac");
});

test("input that a program does not read is bounded, and the terminal stays usable", async () => {
  create();
  const [pasting, other] = await Promise.all([gate.view("trm_1"), gate.view("trm_1")]);
  pasting.type("stty raw -echo; echo raw-$((1+1)); sleep 300\r");
  await until(() => other.text).toContain("raw-2");
  for (let index = 0; index < 24; index += 1) pasting.type("x".repeat(64 * KIB));
  await until(() => pasting.closed).toMatchObject({ code: 1009 });
  expect(other.closed).toBeUndefined();
  expect(terminals.get("trm_1")?.running).toBe(true);
});

test("a large paste reaches the program whole", async () => {
  create();
  const viewer = await gate.view("trm_1");
  const paste = Array.from({ length: 50_000 }, (_, index) => String(index).padStart(6, "p")).join("");
  viewer.type("stty raw -echo; echo go-$((1+1)); head -c 300000 | sha256sum; stty sane\r");
  await until(() => viewer.text).toContain("go-2");
  for (let at = 0; at < paste.length; at += 60_000) viewer.type(paste.slice(at, at + 60_000));
  await until(() => viewer.text).toContain(createHash("sha256").update(paste).digest("hex"));
});

test("a program that cannot be started ends at once with a code", async () => {
  const none = createTerminals({ shell: ["/absent/shell"], cwd: tmpdir(), env: {}, maxTerminals: 1 });
  none.create({ terminalId: "t", cols: 80, rows: 24 });
  await until(() => none.get("t")).toMatchObject({ running: false, exitCode: 127 });
  none.closeAll();
});

test("goes on in another container with what it showed, at the offsets of before, in a new shell", async () => {
  create();
  const before = await gate.view("trm_1");
  before.type("echo before-$((40+2))\r");
  await until(() => before.text).toMatch(/before-42[^]*ready> $/);
  const kept = terminals.kept();
  const endOffset = terminals.get("trm_1")?.endOffset ?? 0;
  const oldPid = shellPid();
  terminals.closeAll();
  terminals.revive(kept);
  expect(shellPid()).not.toBe(oldPid);
  const whole = await gate.view("trm_1");
  await until(() => whole.text).toMatch(/before-42[^]*stopped and resumed[^]*ready> $/);
  // Who had seen all of it gets only what is new.
  const late = await gate.view("trm_1", { afterByte: endOffset });
  await until(() => late.text).toMatch(/stopped and resumed[^]*ready> $/);
  expect(late.text).not.toContain("before-42");
  late.type("echo after-$((40+2))\r");
  await until(() => late.text).toContain("after-42");
});

test("a terminal whose shell has ended is not kept", async () => {
  create();
  const viewer = await gate.view("trm_1");
  viewer.type("exit\r");
  await until(() => terminals.get("trm_1")?.running).toBe(false);
  expect(terminals.kept()).toEqual([]);
});
