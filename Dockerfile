# The command `guardrails`, without the sandbox: audit, heal, deploy, and everything else that works on accounts.
# docs/install.md says how to build and run it.
#
# For a build that is the same each time, give the base by its digest: --build-arg BASE=python@sha256:…
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
COPY requirements/build.lock requirements/image.lock requirements/
# The tools that make the wheel are in an environment of their own, which stays in this stage.
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.lock \
 && python -m venv --without-pip /opt/guardrails \
 && pip --python /opt/guardrails/bin/python install --no-cache-dir --no-compile \
      --require-hashes -r requirements/image.lock
COPY . .
RUN /opt/build/bin/python -m hatchling build -t wheel -d /dist \
 && pip --python /opt/guardrails/bin/python install --no-cache-dir --no-compile \
      --no-index --no-deps /dist/*.whl \
 # Of cfn-lint, and what it needs, only a data file is read: their bytecode would be 60 MB for nothing.
 && python -m compileall -q -x '/(cfnlint|sympy|networkx|mpmath)/' /opt/guardrails/lib

FROM ${BASE}
COPY --from=build /opt/guardrails /opt/guardrails
# The home is readable by every user, for `docker run --user`; reports go to /work.
RUN useradd --uid 10001 --create-home guardrails \
 && chmod 755 /home/guardrails \
 && install -d -o guardrails /work
ENV PATH=/opt/guardrails/bin:$PATH HOME=/home/guardrails PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /work
ENTRYPOINT ["guardrails"]
CMD ["--help"]
