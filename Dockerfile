# Serves the index that is mounted at /index; docs/serve.md tells how.
FROM python:3.11-slim
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY src src
RUN pip install --no-cache-dir -c constraints.txt '.[serve]' \
    && useradd --system --create-home resight
USER resight
ENV RESIGHT_CACHE=/home/resight/.cache/resight
EXPOSE 8480
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8480/health')"]
STOPSIGNAL SIGTERM
# All addresses of the container, of which the host opens as many as `docker run -p` says.
ENTRYPOINT ["resight", "serve", "--host", "0.0.0.0"]
CMD ["/index"]
