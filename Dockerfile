# Patch releases are taken as they come, for they mend security holes; to pin one: --build-arg BASE=python@sha256:...
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE} AS tools
WORKDIR /build
COPY requirements/build.txt requirements/
RUN pip install --quiet --root-user-action=ignore --no-cache-dir --require-hashes --requirement requirements/build.txt


FROM tools AS packages
# cpu, or gpu for NVIDIA: its packages bring CUDA and cuDNN, so the base image stays the same.
ARG VARIANT=cpu
COPY requirements/${VARIANT}.txt requirements/
ENV UV_CACHE_DIR=/cache UV_LINK_MODE=copy
# Compiled here, for with a read-only root file system every start would have to do it again.
RUN --mount=type=cache,target=/cache \
    uv venv --quiet /opt/streamrank \
    && uv pip install --quiet --python /opt/streamrank --compile-bytecode --require-hashes \
        --requirement "requirements/${VARIANT}.txt" \
    # A sixth of the image: what operations of one's own would be compiled with.
    && rm -r /opt/streamrank/lib/python*/site-packages/tensorflow/include


FROM tools AS project
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY config config
COPY models models
RUN hatchling build --target wheel --directory /wheel


FROM ${BASE}
# A new volume on /models takes over this folder's owner.
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin streamrank \
    && install --directory --owner streamrank --group streamrank /models
# Nearly all of the image, and before the project: a change of code leaves it as it is.
COPY --from=packages /opt/streamrank /opt/streamrank
RUN --mount=type=bind,from=tools,source=/usr/local/bin/uv,target=/mnt/uv \
    --mount=type=bind,from=project,source=/wheel,target=/mnt/wheel \
    /mnt/uv pip install --quiet --python /opt/streamrank --no-cache --no-deps --compile-bytecode /mnt/wheel/*.whl
ENV PATH=/opt/streamrank/bin:$PATH
WORKDIR /opt/streamrank
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Ready, not only alive: Docker ends nobody for being unhealthy, but `depends_on` and `up --wait` go by it.
# Not urllib, which would ask a proxy that the environment names.
HEALTHCHECK --interval=10s --timeout=10s --start-period=120s --start-interval=1s CMD ["python", "-IS", "-c", "\
import http.client, os, sys\n\
connection = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('HTTP_PORT') or 8000), timeout=8)\n\
connection.request('GET', '/readyz')\n\
answer = connection.getresponse()\n\
sys.exit(answer.status != 200 and answer.read().decode().strip())"]
ENTRYPOINT ["streamrank"]
CMD ["serve"]
# Last, for they differ from build to build.
ARG VERSION=unreleased REVISION=unknown BASE
LABEL org.opencontainers.image.title="StreamRank" \
      org.opencontainers.image.description="Rank Kafka records with any TensorFlow SavedModel, in milliseconds, losing none." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
