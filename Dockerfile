# syntax=docker/dockerfile:1
# The production image: one program for web, worker and cron; no local stack, no sandbox servers, no tools of development.

FROM python:3.13-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv
WORKDIR /srv/ballast
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-default-groups
COPY app.py worker.py ./
COPY migrations migrations
COPY ballast ballast
# WhiteNoise serves what lies beside a file as .br or .gz; nothing is compressed while a request waits.
RUN rm -rf ballast/local ballast/sandbox \
    && .venv/bin/python -m compileall -q ballast migrations \
    && .venv/bin/python -m whitenoise.compress --quiet ballast/static

FROM python:3.13-slim
ENV PATH=/srv/ballast/.venv/bin:$PATH PYTHONUNBUFFERED=1 BALLAST_ENV=production
RUN useradd --system --uid 10001 --no-create-home ballast
WORKDIR /srv/ballast
COPY --from=build /srv/ballast /srv/ballast
USER ballast
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
# The same command the local stack runs, but for the address. Worker: `python worker.py`. Cron: `python worker.py cron`.
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
     "--blocking-threads", "4", "--workers-kill-timeout", "30", "--respawn-failed-workers", "app:app"]
