# syntax=docker/dockerfile:1
# Runs from the source tree (python -m app beside migrations/); there is no embedded Postgres in here.
# Name it by its digest for a build that can be repeated: --build-arg BASE_IMAGE=python:3.12-slim-bookworm@sha256:…
ARG BASE_IMAGE=python:3.12-slim-bookworm

# --- Build: wheels from the hash-locked requirements, and Argon2 built for speed ------------------------------------
FROM ${BASE_IMAGE} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake gcc libc6-dev libffi-dev ninja-build python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /service
# `otel` adds what TWOKEYS_TRACING needs.
ARG REQUIREMENTS=runtime
COPY requirements requirements
RUN python3 -m venv /service/venv \
    && /service/venv/bin/pip install --no-cache-dir --require-hashes -r "requirements/${REQUIREMENTS}.txt"
# The wheel's Argon2 is built for any x86-64. With AVX2 a hash takes half as long
# (docs/evidence/reliability.md), so a second one is built beside it, and choose_argon2.py takes it at each start where
# the CPU can run it. Empty: only the wheel's.
ARG ARGON2_MARCH=x86-64-v3
COPY scripts/build_argon2.sh scripts/choose_argon2.py scripts/
RUN if [ -n "${ARGON2_MARCH}" ] && [ "$(uname -m)" = x86_64 ]; then \
        bash scripts/build_argon2.sh /service/venv "${ARGON2_MARCH}"; \
    fi \
    && rm -rf scripts
COPY pyproject.toml LICENSE ./
COPY migrations migrations
COPY app app
RUN /service/venv/bin/python -m compileall -q app migrations

# --- Run: no compiler, no root, nothing to write --------------------------------------------------------------------
FROM ${BASE_IMAGE}
RUN groupadd --gid 10001 twokeys && useradd --uid 10001 --gid twokeys --no-create-home --shell /usr/sbin/nologin twokeys
WORKDIR /service
COPY --from=build /service /service
ENV PATH=/service/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8000
# Asks whatever the container runs: `serve` on its own port, past any proxy; `worker` has no port, and lives or not.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 CMD ["python", "-m", "app.server.health_check"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
