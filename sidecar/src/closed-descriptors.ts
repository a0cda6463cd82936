/**
 * node-pty opens a pty's master without close-on-exec, so every program that is started later would inherit it: it could read
 * and type in another terminal, and make the sidecar block by clearing O_NONBLOCK on it. bash, as dash cannot name a
 * descriptor of two digits.
 */
const CLOSE_AND_RUN = `
for fd in /proc/self/fd/*; do
  fd=\${fd##*/}
  [ "$fd" -le 2 ] || eval "exec $fd>&-"
done
unset SHLVL OLDPWD
exec "$@"
`;

/**
 * The command that starts `argv` with the three standard descriptors alone, under the same pid. Put it before whatever
 * drops to the agent's uid: a process of that uid can reach into another one's descriptors.
 */
export function withoutInherited(argv: readonly string[]): readonly [string, ...string[]] {
  return ["/bin/bash", "--norc", "--noprofile", "-c", CLOSE_AND_RUN, "openagent", ...argv];
}
