export interface SignInAttempt {
  status: number;
  body: string;
  /** The Cookie header of the browser afterwards. */
  cookie: string;
}

/** What a browser sends that signs in, made by hand as contract.md says. */
export async function attemptSignIn(
  url: string,
  person: { email: string; password: string },
): Promise<SignInAttempt> {
  const csrf = await fetch(`${url}/api/auth/csrf`);
  const { csrfToken } = (await csrf.json()) as { csrfToken: string };
  const csrfCookies = cookiesOf(csrf);
  const answer = await fetch(`${url}/api/auth/callback/credentials`, {
    method: "POST",
    redirect: "manual",
    headers: { cookie: csrfCookies, origin: url, "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ ...person, csrfToken, json: "true" }),
  });
  const { status } = answer;
  return { status, body: await answer.text(), cookie: `${csrfCookies}; ${cookiesOf(answer)}` };
}

/** @returns the Cookie header of a signed-in browser */
export async function signIn(url: string, person: { email: string; password: string }): Promise<string> {
  const { status, body, cookie } = await attemptSignIn(url, person);
  if (status !== 200) throw new Error(`sign-in failed with ${status}: ${body}`);
  return cookie;
}

function cookiesOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(";")[0] ?? "")
    .join("; ");
}
