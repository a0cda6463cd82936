/** How long a browser stays signed in. Seconds. In a file of its own, as the cookie's maker runs in Next's module graph. */
export const LOGIN_SESSION_SECONDS = 30 * 24 * 3600;
