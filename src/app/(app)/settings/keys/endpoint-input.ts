export interface EndpointInput {
  providerId: string;
  name: string;
  baseUrl: string;
  key: string;
  models: string[];
}

/**
 * An endpoint as the API takes it. Its id is made from its name, so that the same name again changes the same endpoint.
 * @throws Error with a sentence when the name makes no id
 */
export function endpointInput(read: (name: string) => string): EndpointInput {
  const name = read("name").trim();
  const providerId = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+|-+$/g, "")
    .slice(0, 64);
  if (providerId === "") throw new Error("Give it a name with at least one letter from a to z or a digit.");
  const models = read("models")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return {
    providerId,
    name,
    baseUrl: read("baseUrl").trim(),
    key: read("key"),
    models: [...new Set(models)],
  };
}
