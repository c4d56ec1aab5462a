"""The script that fetches the job's connectors while the Spark image is built."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "compose/spark/classes/make.sh"
NO_NETWORK = "RuntimeException: [unresolved dependency: org.apache.spark#spark-sql: not found]"


@pytest.mark.parametrize(
    ("reason", "code"), [(NO_NETWORK, 0), ("Could not create the Java Virtual Machine.", 1)]
)
def test_an_image_without_connectors_is_made_without_a_network_alone(
    reason: str, code: int, tmp_path: Path
) -> None:
    submit = tmp_path / "spark-submit"
    submit.write_text(f"#!/bin/sh\necho '{reason}'\nexit 1\n")
    submit.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    ran = subprocess.run(
        ["bash", str(SCRIPT)], env=environment, capture_output=True, text=True, check=False
    )

    assert ran.returncode == code
    assert reason in ran.stdout
    assert ("Maven Central does not answer" in ran.stdout) == (code == 0)
