# The image of a load test: the release's own, with locust and the clients of its terminals (the extra `load`).
#   docker build -f infra/images/load.Dockerfile --build-arg BELLWIRE_IMAGE=bellwire:<version> -t bellwire-load:<version> .
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
ARG BELLWIRE_IMAGE=bellwire
FROM ${BELLWIRE_IMAGE} AS bellwire

FROM ${PYTHON_IMAGE} AS build

ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=1 \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt

WORKDIR /src
COPY infra/local/uv.txt infra/images/load.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r uv.txt
COPY --from=bellwire /opt/bellwire /opt/bellwire
RUN uv pip install --no-cache --require-hashes --python /opt/bellwire -r load.txt


FROM ${PYTHON_IMAGE}

COPY --from=build /opt/bellwire /opt/bellwire

ENV PATH=/opt/bellwire/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

USER 65532:65532
WORKDIR /tmp

# 5557: workers of a distributed test. 9646: its figures, where --metrics-port asks for them.
EXPOSE 5557 9646

# SIGTERM ends a test, which deletes its tenants then: exec form, no shell between.
STOPSIGNAL SIGTERM
ENTRYPOINT ["bellwire-load"]
