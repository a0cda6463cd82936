import { once } from "node:events";
import { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { ClientConnections } from "./client-connections";

describe("an instance's connections", () => {
  const limits = { maxConnections: 1, reservedForMarked: 1 };

  it("have room for one of each kind, and for the next when one closes", async () => {
    const connections = new ClientConnections(limits);
    const [program, model, late] = [new Socket(), new Socket(), new Socket()];
    for (const socket of [program, model, late]) connections.add(socket);
    connections.admit(program, false);
    connections.admit(model, true);
    expect(() => connections.admit(late, false)).toThrow("has 1 connections open");
    expect(() => connections.admit(late, true)).toThrow("has 1 connections open");
    program.destroy();
    await once(program, "close");
    expect(() => connections.admit(late, false)).not.toThrow();
  });

  it("take no room once they are closed, though their request is read only then", async () => {
    const connections = new ClientConnections(limits);
    const [closed, open] = [new Socket(), new Socket()];
    connections.add(closed);
    closed.destroy();
    await once(closed, "close");
    connections.admit(closed, false);
    expect(() => connections.admit(open, false)).not.toThrow();
  });

  it("all end with the instance", () => {
    const connections = new ClientConnections(limits);
    const sockets = [new Socket(), new Socket(), new Socket()] as const;
    for (const socket of sockets) connections.add(socket);
    connections.admit(sockets[0], false);
    connections.admit(sockets[1], true);
    connections.destroyAll();
    expect(sockets.map((socket) => socket.destroyed)).toEqual([true, true, true]);
  });
});
