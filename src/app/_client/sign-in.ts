import { isObject } from "./parse-json";

/** @throws Error with a sentence when the two do not go together, or after too many tries */
export async function signIn(person: { email: string; password: string }): Promise<void> {
  const response = await post("/api/auth/callback/credentials", person);
  if (response.ok) return;
  const body: unknown = await response.json();
  const refusal = isObject(body) && isObject(body.error) ? body.error.message : null;
  throw new Error(
    typeof refusal === "string"
      ? refusal
      : "E-mail address and password do not go together. Check both and try again.",
  );
}

/**
 * Leaves for another provider's page, which leads back.
 * @param to the path where one goes on
 * @throws Error with a sentence
 */
export async function signInElsewhere(provider: string, to: string): Promise<void> {
  const response = await post(`/api/auth/signin/${encodeURIComponent(provider)}`, { callbackUrl: to });
  const body: unknown = response.ok ? await response.json() : null;
  if (!isObject(body) || typeof body.url !== "string")
    throw new Error("The way there could not be found. Try again, or sign in by password.");
  window.location.assign(body.url);
}

/** @throws Error with a sentence */
export async function signOut(): Promise<void> {
  const response = await post("/api/auth/signout", {});
  if (!response.ok) throw new Error("Signing out did not work. Try again.");
}

/** next-auth takes forms with a token that only its own pages can read. */
async function post(path: string, fields: Record<string, string>): Promise<Response> {
  const body: unknown = await (await fetch("/api/auth/csrf")).json();
  if (!isObject(body) || typeof body.csrfToken !== "string")
    throw new Error("The server's answer is not what it should be. Reload the page, then try again.");
  const { csrfToken } = body;
  return fetch(path, { method: "POST", body: new URLSearchParams({ ...fields, csrfToken, json: "true" }) });
}
