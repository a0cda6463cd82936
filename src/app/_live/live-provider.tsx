"use client";

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { ConvexReactClient } from "convex/react";
import { createContext, type ReactNode, useContext, useMemo, useState, useSyncExternalStore } from "react";
import { waitMs } from "../../client/backoff";
import { signInPath } from "../_client/sign-in-path";
import { browserClock } from "./clock";
import { type Connection, createConnection } from "./connection";
import { createIdentity, type Identity } from "./token";
import { serverTokens } from "./token-source";

/** What live parts of the page share. */
export interface Live {
  client: ConvexReactClient;
  identity: Identity;
  connection: Connection;
}

const LiveContext = createContext<Live | null>(null);

/** @returns null while the server renders, where nothing is live, and outside of a {@link LiveProvider} */
export function useLive(): Live | null {
  return useContext(LiveContext);
}

interface LiveProviderProps {
  /** Where browsers reach Convex: a URL, or a path of this server. */
  convexUrl: string;
  children: ReactNode;
}

/** Queries of the API for what stands still, the mirror for what lives. Only queries go to the mirror: changes go over the API. */
export function LiveProvider({ convexUrl, children }: LiveProviderProps) {
  const [queries] = useState(createQueries);
  const holder = useMemo(() => holdLive(convexUrl), [convexUrl]);
  const live = useSyncExternalStore(holder.subscribe, holder.current, onServer);
  return (
    <QueryClientProvider client={queries}>
      <LiveContext.Provider value={live}>{children}</LiveContext.Provider>
    </QueryClientProvider>
  );
}

function createQueries(): QueryClient {
  return new QueryClient({ defaultOptions: { queries: { retry: 1, staleTime: 5_000 } } });
}

const onServer = () => null;

/** Open while somebody looks: from the first subscriber to the last. */
function holdLive(convexUrl: string) {
  let opened: { live: Live; close: () => void } | null = null;
  let subscribers = 0;
  return {
    current: () => opened?.live ?? null,
    subscribe() {
      subscribers += 1;
      opened ??= openLive(absolute(convexUrl));
      return () => {
        subscribers -= 1;
        if (subscribers > 0) return;
        opened?.close();
        opened = null;
      };
    },
  };
}

/** The client puts its own paths behind this. */
function absolute(convexUrl: string): string {
  return new URL(convexUrl, window.location.origin).toString().replace(/\/$/, "");
}

function openLive(url: string): { live: Live; close: () => void } {
  const client = new ConvexReactClient(url, {
    // Nothing is written through it, so nothing can be lost by leaving.
    unsavedChangesWarning: false,
    skipConvexDeploymentUrlCheck: true,
    expectAuth: true,
    initialAuthTokenReuse: true,
  });
  const connection = createConnection({ clock: browserClock });
  const renew = () => client.setAuth((opts) => identity.token(opts));
  const identity = createIdentity({
    source: serverTokens,
    renew,
    onSignedOut: () => window.location.assign(signInPath(window.location)),
    nowMs: browserClock.nowMs,
    waitMs: (failures) => waitMs(failures, undefined),
  });
  renew();
  const ends = [
    client.subscribeToConnectionState((state) => connection.setSocket(state.isWebSocketConnected)),
    followNetwork(connection),
  ];
  connection.setSocket(client.connectionState().isWebSocketConnected);
  return {
    live: { client, identity, connection },
    close: () => {
      for (const end of ends) end();
      connection.close();
      void client.close();
    },
  };
}

function followNetwork(connection: Connection): () => void {
  const tell = () => connection.setOnline(navigator.onLine);
  tell();
  window.addEventListener("online", tell);
  window.addEventListener("offline", tell);
  return () => {
    window.removeEventListener("online", tell);
    window.removeEventListener("offline", tell);
  };
}
