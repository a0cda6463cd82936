/** Whether the sidebar is folded; read by the server, so that nothing moves after the first paint. */
export const SIDEBAR_COOKIE = "openagent-sidebar";
