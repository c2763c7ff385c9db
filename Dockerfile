# The image that runs as a CronJob: no root, no compiler, no pip, nothing written outside of mounted volumes.
#
# The release workflow looks up the digest of BASE and builds with it, so that the image says exactly what it was made of:
#   docker build --build-arg BASE=docker.io/library/python:3.13-slim@sha256:… .
ARG BASE=docker.io/library/python:3.13-slim
FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml README.md CHANGELOG.md ./
COPY container container
COPY manifests-example manifests-example
COPY syncer syncer
RUN container/install.sh /opt/syncer

FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git gpg openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 # ssh wants a name for its user id. OpenShift gives each pod an id of its own and names it in /etc/passwd itself.
 && useradd --uid 1001 --gid 0 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin syncer
COPY --from=build /opt/syncer /opt/syncer
ENV PATH=/opt/syncer/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
USER 1001
ENTRYPOINT ["syncer"]
CMD ["--help"]
