# The whole network in one container, for machines without Debian or Ubuntu. docs/container.md says how to use it.
# The base must be Debian 12 with Node 20 or newer, because Debian 13 has no Traffic Server. Where Pulumi cannot be
# downloaded, the base must also have Go 1.21 or newer.
ARG BASE=node:22-bookworm
FROM ${BASE}

# The programs that `make up` needs. tests/unit/local/test_container.py compares the list with local/prerequisites.py.
# policy-rc.d and createcluster.conf keep the packages' own daemons from starting and from creating data.
RUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \
    && mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
    && apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates \
        docker-registry \
        git \
        golang-github-containers-common \
        libnginx-mod-http-modsecurity \
        libnginx-mod-http-set-misc \
        make \
        modsecurity-crs \
        postgresql \
        python3 \
        python3-venv \
        skopeo \
        tini \
        trafficserver \
    && rm -rf /var/lib/apt/lists/* && useradd --uid 1100 --create-home --shell /bin/bash edge

USER edge
WORKDIR /home/edge/artifact-edge
COPY --chown=edge . .

# The secret `settings` is an optional shell file. It exports the machine's package indexes and certificates, such as
# UV_DEFAULT_INDEX and NPM_CONFIG_REGISTRY, and does not become a part of the image.
RUN --mount=type=secret,id=settings,mode=0444 --mount=type=cache,target=/tmp/downloads,uid=1100 \
    if [ -f /run/secrets/settings ]; then . /run/secrets/settings; fi \
    && export UV_CACHE_DIR=/tmp/downloads/uv UV_LINK_MODE=copy NPM_CONFIG_CACHE=/tmp/downloads/npm \
        GOCACHE=/tmp/downloads/go-build GOMODCACHE=/tmp/downloads/go \
    && make setup && .venv/bin/python -m local engine

ENV PATH=/home/edge/artifact-edge/.venv/bin:$PATH
EXPOSE 3129
# tini removes zombie processes, and forwards the signal of `docker stop` to the command.
ENTRYPOINT ["tini", "--", "python", "-m", "local"]
CMD ["serve", "--address", "0.0.0.0"]
