import { queryOptions, useQuery } from "@tanstack/react-query";
import { api } from "../_client/api";

/** Every model there is, usable or not: a few hundred kB, so not before a model is to be chosen. */
export const CATALOG = queryOptions({
  queryKey: ["models", "catalog"],
  queryFn: () => api.models.catalog.query(),
  staleTime: 30_000,
});

/** {@link CATALOG}, fetched when it is not there. */
export function useCatalog() {
  return useQuery(CATALOG);
}
