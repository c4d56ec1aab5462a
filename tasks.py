"""The stack's tasks: `inv --list` shows them, `inv up` starts it."""

from composetasks import collection

ns = collection(
    config={
        "stack": {
            "files": ["compose/compose.yaml"],
            # The checkpoints hold offsets of Kafka's log, so neither is of use without the other.
            "state": {
                "kafka-data": {"group": "stream", "description": "Kafka's log"},
                "state/spark_checkpoints": {
                    "group": "stream",
                    "path": "compose/state/spark_checkpoints",
                    "description": "how far the job has read",
                },
                "postgres-data": {"description": "the scores, and Airflow's metadata"},
                "airflow-logs": {"description": "logs of the crawler's runs"},
                "state/ivy2": {
                    "cache": True,
                    "path": "compose/state/ivy2",
                    "description": "Spark's connectors, fetched from Maven Central",
                },
            },
            "deploy": {"files": ["compose/compose.swarm.yaml"]},
            "checks": [
                {
                    "name": "end-to-end",
                    "service": "airflow",
                    "command": ["python", "/opt/checks/end_to_end.py"],
                }
            ],
        }
    }
)
