import { createServer, type Server } from "node:http";
import { TRPCClientError } from "@trpc/client";
import { Server as SocketServer, type Socket } from "socket.io";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { TerminalLink, type LinkOptions } from "./terminal-link";
import { refusedBy, TerminalClosedError } from "./terminal-error";
import { OutputTracker } from "./terminal-output";
import { listening } from "./testing";

const handshake = z.object({
  ticket: z.string(),
  terminalId: z.string(),
  cols: z.number(),
  rows: z.number(),
  afterByte: z.number(),
});

/** What a terminal's program is first heard by. */
const ATTACHED = { state: "attached", cols: 100, rows: 30, fromOffset: 0 };

describe("OutputTracker", () => {
  const bytes = (text: string) => Buffer.from(text);
  it("drops what it has seen, and shows what the server still has when it lost some", () => {
    let seen = "";
    const lost: number[] = [];
    const tracker = new OutputTracker((data, lostBytes) => {
      seen += Buffer.from(data).toString();
      lost.push(lostBytes);
    });
    expect(tracker.take({ offset: 0, data: bytes("abc") })?.endOffset).toBe(3);
    expect(tracker.take({ offset: 1, data: bytes("bcd") })?.endOffset).toBe(4);
    expect(tracker.take({ offset: 0, data: bytes("ab") })?.endOffset).toBe(4);
    // A browser's socket brings an ArrayBuffer.
    expect(tracker.take({ offset: 10, data: new Uint8Array(bytes("xyz")).buffer })?.endOffset).toBe(13);
    expect(tracker.take({ offset: "0", data: "abc" })).toBeNull();
    expect(seen).toBe("abcdxyz");
    expect(lost).toEqual([0, 0, 6]);
  });
});

describe("refusedBy", () => {
  it("takes an answer of the server as final, and a lost connection as not", () => {
    const answer = new TRPCClientError("Stopped.", { result: { error: { data: { code: "CONFLICT" } } } });
    expect(refusedBy(answer)).toMatchObject({ code: "refused", message: "Stopped." });
    expect(refusedBy(Object.assign(new Error("No ticket."), { data: {} }))?.message).toBe("No ticket.");
    const starting = { code: "SERVICE_UNAVAILABLE", reason: "sidecar_unreachable" };
    expect(refusedBy(new TRPCClientError("Soon.", { result: { error: { data: starting } } }))).toBeNull();
    expect(refusedBy(new TRPCClientError("fetch failed"))).toBeNull();
    expect(refusedBy(new Error("websocket error"))).toBeNull();
  });
});

describe("TerminalLink", () => {
  let http: Server;
  let io: SocketServer;
  let url: string;
  let shaken: (z.infer<typeof handshake> & { authorization: string | undefined })[];
  let tickets: number;
  let seen: string;
  let link: TerminalLink | null;
  /** What the terminal does with a new connection. */
  let onConnection: (socket: Socket, n: number) => void;

  beforeEach(async () => {
    [shaken, tickets, seen, link] = [[], 0, "", null];
    http = createServer();
    io = new SocketServer(http);
    io.of("/terminal").use((socket, next) => {
      const auth = handshake.parse(socket.handshake.auth);
      shaken.push({ ...auth, authorization: socket.handshake.headers.authorization });
      if (auth.ticket === "forged")
        next(Object.assign(new Error("The ticket is unknown."), { data: { reason: "no" } }));
      else next();
    });
    io.of("/terminal").on("connection", (socket) => onConnection(socket, shaken.length));
    const address = await listening(http);
    url = `http://127.0.0.1:${address.port}`;
  });
  afterEach(async () => {
    link?.close();
    await io.close();
  });
  const nextTicket = () => `ticket_${(tickets += 1)}`;
  const open = (
    ticket: () => string | Promise<string> = nextTicket,
    more: Partial<Omit<LinkOptions, "ticket">> = {},
  ) => {
    link = new TerminalLink({
      url,
      token: "oa_test",
      terminalId: "trm_1",
      cols: 100,
      rows: 30,
      ticket: async () => ticket(),
      onOutput: (data) => void (seen += Buffer.from(data).toString()),
      ...more,
    });
    return link;
  };

  it("shows output, acknowledges it, sends what is typed, and ends with the program", async () => {
    const acks: unknown[] = [];
    onConnection = (socket) => {
      socket.on("ack", (ack) => acks.push(ack));
      socket.emit("state", ATTACHED);
      socket.on("input", (text: string) => {
        socket.emit("output", { offset: 0, data: Buffer.from(`echo ${text}`) });
        socket.on("ack", () => socket.emit("exit", { code: 7 }));
      });
    };
    const terminal = open();
    terminal.write("ls\n");
    expect(await terminal.exited).toBe(7);
    expect(seen).toBe("echo ls\n");
    expect(acks).toEqual([{ offset: 8 }]);
    expect(shaken).toEqual([
      {
        ticket: "ticket_1",
        terminalId: "trm_1",
        cols: 100,
        rows: 30,
        afterByte: 0,
        authorization: "Bearer oa_test",
      },
    ]);
  });

  it("goes on at the byte it had, with a new ticket and the latest size, after a lost connection", async () => {
    onConnection = (socket, n) => {
      socket.emit("state", ATTACHED);
      if (n === 1) {
        terminal.resize({ cols: 80, rows: 24 });
        socket.on("resize", (size) => {
          sizes.push(size);
          socket.emit("output", { offset: 0, data: Buffer.from("abc") });
          socket.on("ack", () => socket.conn.close());
        });
      } else {
        socket.emit("output", { offset: 2, data: Buffer.from("cdef") });
        socket.emit("exit", { code: 0 });
      }
    };
    const sizes: unknown[] = [];
    const terminal = open();
    expect(await terminal.exited).toBe(0);
    expect(seen).toBe("abcdef");
    expect(sizes).toEqual([{ cols: 80, rows: 24 }]);
    expect(shaken.map(({ ticket, afterByte, cols }) => ({ ticket, afterByte, cols }))).toEqual([
      { ticket: "ticket_1", afterByte: 0, cols: 100 },
      { ticket: "ticket_2", afterByte: 3, cols: 80 },
    ]);
  });

  it("keeps what is typed until the program is there to take it", async () => {
    onConnection = (socket) => {
      let isThere = false;
      socket.on("input", (text: string) =>
        socket.emit("exit", { code: isThere && text === "early" ? 0 : 1 }),
      );
      // The acknowledgement comes behind whatever was sent on connecting.
      socket.on("ack", () => {
        isThere = true;
        socket.emit("state", ATTACHED);
      });
      socket.emit("output", { offset: 0, data: Buffer.from("$ ") });
    };
    const terminal = open();
    terminal.write("early");
    expect(await terminal.exited).toBe(0);
  });

  it.each([
    ["its ticket is refused", () => open(() => "forged"), "refused"],
    [
      "no ticket is given",
      () =>
        open(() => {
          throw new TRPCClientError("Stopped.", { result: { error: { data: { code: "CONFLICT" } } } });
        }),
      "refused",
    ],
  ])("gives up with a sentence when %s", async (_, start, code) => {
    onConnection = () => undefined;
    await expect(start().exited).rejects.toMatchObject({ code });
    expect(shaken.length).toBeLessThanOrEqual(1);
  });

  it("gives up when the terminal is out of reach", async () => {
    onConnection = (socket) => {
      socket.emit("state", { state: "unavailable", message: "The session is stopped. Resume it." });
      socket.disconnect(true);
    };
    const terminal = open();
    await expect(terminal.exited).rejects.toThrow(TerminalClosedError);
    await expect(terminal.exited).rejects.toThrow("The session is stopped. Resume it.");
  });

  it("sends a long paste in pieces, whole and with no character cut", async () => {
    const text = `${"x".repeat(16 * 1024 - 1)}😀${"é".repeat(40_000)}`;
    const got: string[] = [];
    onConnection = (socket) => {
      socket.on("input", (piece: string) => {
        got.push(piece);
        if (got.join("").length >= 2 * text.length) socket.emit("exit", { code: 0 });
      });
      socket.emit("state", ATTACHED);
      socket.on("ack", () => terminal.write(text));
      socket.emit("output", { offset: 0, data: Buffer.from("$ ") });
    };
    const terminal = open();
    terminal.write(text);
    expect(await terminal.exited).toBe(0);
    expect(got.join("")).toBe(text + text);
    expect(got[0]).toBe("x".repeat(16 * 1024 - 1));
    expect(Math.max(...got.map((piece) => Buffer.byteLength(piece)))).toBeLessThanOrEqual(64 * 1024);
  });

  it("makes no connection when it is closed while its ticket is on the way", async () => {
    onConnection = () => undefined;
    let give = (_ticket: string) => {};
    const asked = new Promise<string>((resolve) => (give = resolve));
    const terminal = open(() => asked);
    terminal.close();
    give("ticket_late");
    await expect(terminal.exited).rejects.toMatchObject({ code: "closed" });
    // A connection that was begun would be ahead of this one.
    onConnection = (socket) => socket.emit("exit", { code: 0 });
    expect(await open().exited).toBe(0);
    expect(shaken.map(({ ticket }) => ticket)).toEqual(["ticket_1"]);
  });

  it("acknowledges what was shown and not what has come", async () => {
    let acked = "";
    onConnection = (socket) => {
      socket.on("ack", ({ offset }: { offset: number }) => (acked += `ack ${offset}.`));
      socket.on("input", () => socket.emit("exit", { code: 0 }));
      socket.emit("state", ATTACHED);
      socket.emit("output", { offset: 0, data: Buffer.from("abc") });
    };
    let show = () => {};
    const shown = new Promise<void>((resolve) => (show = resolve));
    let come = () => {};
    const came = new Promise<void>((resolve) => (come = resolve));
    const onOutput = () => (come(), shown);
    const terminal = open(nextTicket, { onOutput, onReach: () => undefined });
    await came;
    expect(acked).toBe("");
    show();
    await expect.poll(() => acked).toBe("ack 3.");
    terminal.write("end");
    expect(await terminal.exited).toBe(0);
  });

  it("tells when the program is in reach, which size everybody has, and that typed input was lost", async () => {
    const told: unknown[] = [];
    onConnection = (socket, n) => {
      socket.emit("state", ATTACHED);
      socket.emit("state", { ...ATTACHED, cols: 90 });
      if (n === 1) {
        socket.emit("state", { state: "closed", code: 1009 });
        socket.disconnect(true);
      } else socket.emit("exit", { code: 0 });
    };
    const terminal = open(nextTicket, {
      onReach: (isAttached) => told.push(isAttached),
      onSize: ({ cols }) => told.push(cols),
      onInputLost: () => told.push("lost"),
    });
    expect(await terminal.exited).toBe(0);
    expect(told.slice(0, 4)).toEqual([true, 90, "lost", false]);
    // What ends with the program does not go out of reach.
    expect(told.slice(4)).toEqual([true, 90]);
    // Whoever comes back takes the size that everybody has.
    expect(shaken.map(({ cols }) => cols)).toEqual([100, 90]);
  });

  it("sends no authorization of its own without a token: a browser's cookie does", async () => {
    onConnection = (socket) => socket.emit("exit", { code: 0 });
    link = new TerminalLink({
      url,
      terminalId: "trm_1",
      cols: 100,
      rows: 30,
      ticket: async () => nextTicket(),
      onOutput: () => undefined,
    });
    expect(await link.exited).toBe(0);
    expect(shaken[0]?.authorization).toBeUndefined();
  });

  it("leaves when it is closed", async () => {
    const left = new Promise((resolve) => {
      onConnection = (socket) => {
        socket.on("disconnect", resolve);
        link?.close();
      };
    });
    const terminal = open();
    await left;
    await expect(terminal.exited).rejects.toMatchObject({ code: "closed" });
  });
});
