import { X509Certificate } from "node:crypto";

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The certificates of a PEM bundle, each once, in the file's order: update-ca-certificates wants one a file.
 * Blocks that are no certificate are left out.
 */
export function splitCertificates(pem: string): string[] {
  const seen = new Map<string, string>();
  for (const [block] of pem.matchAll(BLOCK)) {
    const fingerprint = fingerprintOf(block);
    if (fingerprint !== undefined && !seen.has(fingerprint)) seen.set(fingerprint, `${block}\n`);
  }
  return [...seen.values()];
}

function fingerprintOf(block: string): string | undefined {
  try {
    return new X509Certificate(block).fingerprint256;
  } catch {
    // Not a certificate; one broken block in a bundle must not stop the build.
    return undefined;
  }
}
