"""`/metrics`: what Prometheus collects from us, over all processes of one `serve`."""

import os

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def _registry() -> CollectorRegistry:
    """This process's numbers, or those of all workers where they share a folder."""
    if SHARED_FOLDER not in os.environ:  # noqa: TID251 - a setting of prometheus_client's
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # published so
    return registry


def mount_metrics(app: FastAPI) -> None:
    def metrics() -> Response:
        return Response(generate_latest(_registry()), media_type=CONTENT_TYPE_LATEST)

    app.add_api_route("/metrics", metrics, methods=["GET"], include_in_schema=False)
