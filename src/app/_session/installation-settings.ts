import { queryOptions } from "@tanstack/react-query";
import { api } from "../_client/api";

/** What owners and admins set for everybody. */
export const INSTALLATION_SETTINGS = queryOptions({
  queryKey: ["settings"],
  queryFn: () => api.settings.get.query(),
  staleTime: 30_000,
});
