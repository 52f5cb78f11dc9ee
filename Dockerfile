# openprima for a machine without a GPU: docker build -t openprima .  See docs/how-to/install.md.
# The steps were run in an empty folder without docker; no image was built from this file.
FROM python:3.11-slim AS build
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir "hatchling>=1.24" && python -m hatchling build -t wheel -d /wheels

FROM python:3.11-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=""
COPY --from=build /wheels /wheels
COPY constraints.txt /wheels/constraints.txt
RUN pip install --no-cache-dir -c /wheels/constraints.txt torch --index-url "$TORCH_INDEX"
RUN pip install --no-cache-dir -c /wheels/constraints.txt "$(ls /wheels/*.whl)$EXTRAS"
RUN useradd --create-home prima
USER prima
WORKDIR /data
ENTRYPOINT ["prima"]
CMD ["doctor"]
