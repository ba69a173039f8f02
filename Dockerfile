# What container.def makes for Apptainer, for Docker and Kubernetes: docker build --tag connect .
FROM python:3.11-slim
COPY pyproject.toml README.md LICENSE constraints.txt /opt/connect/
COPY src /opt/connect/src
COPY config /opt/connect/config
COPY profiles /opt/connect/profiles
COPY workflow /opt/connect/workflow
RUN pip install --no-cache-dir --constraint /opt/connect/constraints.txt /opt/connect
CMD ["connect", "--help"]
