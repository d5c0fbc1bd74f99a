# The production image: one program for web, worker and cron; no local stack, no sandbox servers, no tools of development.
# A second target, `pgbouncer`, is PgBouncer from PostgreSQL's own package archive, which its image is set up for.

FROM postgres:18 AS pgbouncer
RUN apt-get update && apt-get install -y --no-install-recommends pgbouncer && rm -rf /var/lib/apt/lists/*
COPY --chmod=755 deploy/pgbouncer/start /usr/local/bin/start-pgbouncer
USER postgres
EXPOSE 6432
ENTRYPOINT []
CMD ["start-pgbouncer"]

FROM python:3.13-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /srv/ballast
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-default-groups --group sentry
COPY app.py worker.py ./
COPY migrations migrations
COPY ballast ballast
# WhiteNoise serves what lies beside a file as .br or .gz; nothing is compressed while a request waits.
RUN rm -rf ballast/local ballast/sandbox \
    && .venv/bin/python -m compileall -q ballast migrations app.py worker.py \
    && .venv/bin/python -m whitenoise.compress --quiet ballast/static

FROM python:3.13-slim
ENV PATH=/srv/ballast/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 BALLAST_ENV=production
RUN useradd --system --uid 10001 --no-create-home ballast
WORKDIR /srv/ballast
COPY --from=build /srv/ballast /srv/ballast
USER ballast
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
# Worker: `python worker.py`. Cron: `python worker.py cron`. Nothing is written but in /tmp, which may be a tmpfs.
CMD ["python", "-m", "ballast.serving", "--host", "0.0.0.0", "--port", "8000", "--drain", "5"]
