# The image that runs as a CronJob: no root, no compiler, nothing written outside of mounted volumes.
ARG PYTHON=3.13-slim
FROM docker.io/library/python:${PYTHON} AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md CHANGELOG.md ./
COPY syncer syncer
COPY manifests-example manifests-example
RUN python -m venv /opt/syncer \
 && /opt/syncer/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /opt/syncer/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM docker.io/library/python:${PYTHON}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git openssh-client \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/syncer /opt/syncer
# OpenShift gives each pod a user id of its own, in group 0, and no home.
ENV PATH=/opt/syncer/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
USER 1001
ENTRYPOINT ["syncer"]
CMD ["--help"]
