import { hash, verify } from "@node-rs/argon2";
import { AppError } from "../errors";

/** OWASP's password storage sheet: argon2id with 19 MiB, two passes, one lane. The package's default kind is argon2id. */
const ARGON2ID = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

export const MIN_PASSWORD_LENGTH = 10;
/** Longer ones cost the server time and the person nothing. */
export const MAX_PASSWORD_LENGTH = 256;

/** A real hash of nothing anyone types: verifying against it costs what verifying against a person's costs. */
const NOBODYS_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$Dns+f4uWLMk8DuNk8voOpA$CS8IUtd4ZaSrnxdlc2ADSnEHRrD9L0hYinlqnQDoM+4";

/** @returns argon2id in PHC form */
export function hashPassword(password: string): Promise<string> {
  return hash(password, ARGON2ID);
}

/** @param passwordHash null for an unknown person: takes as long and says no. */
export async function verifyPassword(passwordHash: string | null, password: string): Promise<boolean> {
  const right = await verify(passwordHash ?? NOBODYS_HASH, password);
  return right && passwordHash !== null;
}

/** @throws AppError `weak_password` with what is wrong with it. */
export function requireGoodPassword(password: string, person: { email: string; name: string }): void {
  const problem = passwordProblem(password, person);
  if (problem !== null) throw new AppError("BAD_REQUEST", "weak_password", problem);
}

function passwordProblem(password: string, person: { email: string; name: string }): string | null {
  if (password.length < MIN_PASSWORD_LENGTH) {
    return `The password is too short: take at least ${MIN_PASSWORD_LENGTH} characters.`;
  }
  if (password.length > MAX_PASSWORD_LENGTH) {
    return `The password is too long: take at most ${MAX_PASSWORD_LENGTH} characters.`;
  }
  const plain = password.toLowerCase();
  const own = [person.email, person.email.split("@")[0] ?? "", person.name].map((text) =>
    text.toLowerCase().trim(),
  );
  if (own.includes(plain)) return "The password is your name or e-mail address: take another one.";
  if (COMMON.has(plain) || new Set(plain).size < 4)
    return "Everybody tries this password first: take another one.";
  return null;
}

/** Of the published lists of most used passwords: those of ten characters and more. */
const COMMON: ReadonlySet<string> = new Set([
  "1234567890",
  "0123456789",
  "12345678910",
  "123456789a",
  "0987654321",
  "1q2w3e4r5t",
  "1q2w3e4r5t6y",
  "1qaz2wsx3edc",
  "qwertyuiop",
  "qwerty1234",
  "qwerty12345",
  "qwerty123456",
  "asdfghjkl1",
  "asdfghjkl;",
  "password12",
  "password123",
  "password1234",
  "password12345",
  "password1!",
  "passw0rd123",
  "mypassword",
  "iloveyou12",
  "iloveyou123",
  "welcome123",
  "welcome1234",
  "letmein123",
  "administrator",
  "admin12345",
  "admin123456",
  "changeme123",
  "princess123",
  "football123",
  "baseball123",
  "sunshine123",
  "superman123",
  "abcdefghij",
  "abcd123456",
  "abc1234567",
  "a123456789",
  "aa12345678",
  "1234abcd1234",
  "correcthorsebatterystaple",
  "openagent123",
]);
