/** What sessions need of the egress proxy: a listener on an instance's socket, closed with the instance. */
export interface EgressGate {
  listen(
    socketPath: string,
    session: {
      sessionId: string;
      instanceId: string;
      /** What marks the sidecar's own connections; null until the instance is registered. */
      egressSecret: () => string | null;
    },
  ): Promise<{ close(): Promise<void> }>;
}
