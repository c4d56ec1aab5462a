"""A plugin of Airflow: its API tells Prometheus what the crawler's topic holds, at
/crawler/metrics."""

import os
from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI, Response

app = FastAPI(openapi_url=None)


@app.get("/metrics")
def metrics() -> Response:
    """503 while Kafka does not answer."""
    # Imported here: a mistake in the crawler's code must not keep the API from starting.
    from confluent_kafka import KafkaException

    from crawler.exposition import CONTENT_TYPE
    from crawler.figures import look

    try:
        return Response(look(os.environ["KAFKA_BOOTSTRAP"]).metrics(), media_type=CONTENT_TYPE)
    except KafkaException as error:
        return Response(f"Kafka does not answer: {error}\n", 503)


class CrawlerMetrics(AirflowPlugin):
    """What Airflow looks for."""

    name = "crawler_metrics"
    fastapi_apps: ClassVar = [{"name": "crawler", "app": app, "url_prefix": "/crawler"}]
