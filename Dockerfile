FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ENV=production PORT=6789
RUN useradd --system --create-home switchyard && install -d -o switchyard /switchyard/var
WORKDIR /switchyard
COPY --from=build /venv /venv
COPY . .
# Collecting reads the settings but signs nothing: this key ends with the command.
RUN SECRET_KEY=only-for-this-command-while-building ALLOWED_HOSTS=localhost python manage.py collectstatic --noinput
USER switchyard
VOLUME /switchyard/var
EXPOSE 6789
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/health\", timeout=2)"]
CMD ["gunicorn", "app.asgi:application", "-c", "gunicorn.conf.py"]
