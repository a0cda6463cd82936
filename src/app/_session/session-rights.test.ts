import { describe, expect, it } from "vitest";
import { sessionRights } from "./session-rights";

const session = { owner: { id: "usr_a", name: "A" }, visibility: "private", status: "idle" } as const;
const alice = { id: "usr_a", role: "member" } as const;
const bob = { id: "usr_b", role: "owner" } as const;

describe("what the page offers to do with a session", () => {
  it("is everything for its owner, by what it is doing", () => {
    expect(sessionRights(alice, session)).toEqual({
      write: true,
      remove: true,
      stop: true,
      resume: false,
      rebuild: true,
      archive: false,
    });
    for (const status of ["stopped", "error"] as const)
      expect(sessionRights(alice, { ...session, status })).toMatchObject({
        stop: false,
        resume: true,
        archive: true,
      });
  });

  it("is not to rebuild what is being built", () => {
    expect(sessionRights(alice, { ...session, status: "creating" }).rebuild).toBe(false);
  });

  it("is to steer and not to delete for those it is shared with for writing", () => {
    expect(sessionRights(bob, { ...session, visibility: "team-write" })).toMatchObject({
      write: true,
      stop: true,
      remove: false,
    });
  });

  it("is nothing for readers and for viewers", () => {
    const nothing = {
      write: false,
      remove: false,
      stop: false,
      resume: false,
      rebuild: false,
      archive: false,
    };
    expect(sessionRights(bob, { ...session, visibility: "team-read" })).toEqual(nothing);
    expect(sessionRights({ id: "usr_a", role: "viewer" }, session)).toEqual(nothing);
  });
});
