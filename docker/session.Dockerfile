# The image every session runs. Its context is packed by src/drivers/docker/image/context.ts, not taken from a folder:
# the binaries come from node_modules, the modes from there too (the classic builder has no COPY --chmod, and a chmod in
# a layer of its own would store opencode's 177 MiB twice).
#
# At run time: root file system read-only, /tmp a tmpfs, /opt/openagent/config a small one of the sidecar's uid,
# /workspace and /state volumes, /run/openagent a bind mount, no network, CapDrop ALL, CapAdd SETUID SETGID KILL,
# no-new-privileges, seccomp.json.
ARG BASE=debian:bookworm-slim
FROM ${BASE}

# Certificates of the operator's own network; empty unless EXTRA_CA_FILE was given. They come first, because the
# package sources of the base image may be https and need them.
COPY extra-ca/ /usr/local/share/ca-certificates/
RUN set -eu; \
    export DEBIAN_FRONTEND=noninteractive; \
    printf '%s\n' 'path-exclude /usr/share/doc/*' 'path-include /usr/share/doc/*/copyright' \
      'path-exclude /usr/share/man/*' 'path-exclude /usr/share/locale/*' 'path-exclude /usr/share/info/*' \
      > /etc/dpkg/dpkg.cfg.d/openagent; \
    set -- -o Acquire::Retries=3; \
    if ls /usr/local/share/ca-certificates/*.crt > /dev/null 2>&1; then \
      cat /usr/local/share/ca-certificates/*.crt > /tmp/extra-ca.pem; \
      set -- "$@" -o Acquire::https::CAInfo=/tmp/extra-ca.pem; \
    fi; \
    apt-get "$@" update; \
    apt-get "$@" install -y --no-install-recommends \
      ca-certificates curl git less nano procps ripgrep tini util-linux; \
    update-ca-certificates; \
    rm -rf /tmp/extra-ca.pem /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log

# The system bundle holds Debian's authorities and the operator's own.
ENV LANG=C.UTF-8 \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt

COPY node /usr/local/bin/node
COPY npm/ /usr/local/lib/node_modules/npm/
COPY opencode /opt/openagent/bin/opencode

# Fresh volumes take owners and modes from these directories; pid 1 has no CHOWN to do it later. The agent's home lives
# in the state volume, as the root file system is read-only.
# opencode 1.18.33 runs `npm install @opencode-ai/plugin` in the background in its config directory, unless that holds
# node_modules and a lock file that names the package; and it writes a .gitignore there, and answers every request with
# 500 when it cannot. So the directory that the agent's ~/.config/opencode points to has all four, and is read-only.
# OPENCODE_CONFIG_DIR would only add a second directory, and XDG_CONFIG_HOME move git's and others' settings too: both
# stay unset. image.integration.test.ts counts opencode's attempts to get out.
ARG AGENT_UID=1000
ENV OPENAGENT_AGENT_UID=${AGENT_UID}
COPY opencode-config/ /opt/openagent/opencode-config/
COPY models.json /opt/openagent/models.json
RUN set -eu; \
    ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm; \
    ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx; \
    mkdir /opt/openagent/opencode-config/node_modules; \
    echo node_modules > /opt/openagent/opencode-config/.gitignore; \
    groupadd --gid 900 sidecar; \
    useradd --uid 900 --gid 900 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sidecar; \
    groupadd --gid "$AGENT_UID" agent; \
    useradd --uid "$AGENT_UID" --gid "$AGENT_UID" --no-create-home --home-dir /home/agent --shell /bin/bash agent; \
    install -d -o agent -g agent -m 0755 /workspace; \
    install -d -m 0755 /state /run/openagent /opt/openagent/config; \
    install -d -o sidecar -g sidecar -m 0700 /state/spool; \
    install -d -o agent -g agent -m 0700 /state/agent /state/agent/home /state/agent/home/.config; \
    ln -s /state/agent/home /home/agent; \
    ln -s /opt/openagent/opencode-config /state/agent/home/.config/opencode; \
    chown -h agent:agent /state/agent/home/.config/opencode; \
    rm -f /var/log/lastlog /var/log/faillog

COPY sidecar/ /opt/openagent/sidecar/

WORKDIR /workspace
# tini reaps what the agent's tools leave behind and passes SIGTERM to the sidecar alone, which ends the rest in order.
# A small young generation keeps an idle sidecar some 10 MB smaller; it holds little at a time.
# When the sidecar dies tini ends with its code, and the container with it: nothing of the agent outlives the sidecar.
ENTRYPOINT ["/usr/bin/tini", "--", "/usr/bin/setpriv", "--reuid", "900", "--regid", "900", "--clear-groups", "--inh-caps=+setuid,+setgid,+kill", "--ambient-caps=+setuid,+setgid,+kill", "--", "/usr/local/bin/node", "--max-semi-space-size=2", "/opt/openagent/sidecar/main.mjs"]
