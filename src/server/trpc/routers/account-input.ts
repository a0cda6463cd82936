import { z } from "zod";
import { textInput } from "./text-input";

/** Bounds only; whether a password is good enough is decided with the person at hand, in auth/passwords.ts. */
export const newPassword = z.string().min(1, "a password is needed").max(1024, "at most 1024 characters");
export const personName = textInput.trim().min(1, "a name is needed").max(100, "at most 100 characters");
export const email = z.email("that is not an e-mail address").max(254, "at most 254 characters");
