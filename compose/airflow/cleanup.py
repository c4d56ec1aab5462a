"""Removes what Airflow has kept for longer than AIRFLOW_KEEP_DAYS: its metadata of runs, and their
logs; of the logs also the oldest that make them more than AIRFLOW_LOG_MEGABYTES.

run.py starts it once a day. By hand: docker compose exec airflow python /opt/tools/cleanup.py
"""

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

LOGS = Path(os.environ.get("AIRFLOW_HOME", "/opt/airflow"), "logs")
BYTES = 1024 * 1024


def main() -> int:
    """0, or the code of `airflow db clean` where that fails."""
    before = datetime.now(timezone.utc) - timedelta(days=int(os.environ["AIRFLOW_KEEP_DAYS"]))
    removed = remove_logs(before, int(os.environ["AIRFLOW_LOG_MEGABYTES"]) * BYTES)
    print(f"cleanup: {removed} log files removed", flush=True)
    options = ("--clean-before-timestamp", before.isoformat(), "--skip-archive", "--yes")
    return subprocess.run(["airflow", "db", "clean", *options], check=False).returncode


def remove_logs(before: datetime, most: int) -> int:
    """Removes files that were last written before that, then the oldest until the rest are no more
    than so many bytes, and folders that are left empty; how many files."""
    found = sorted(
        (file.stat().st_mtime, file.stat().st_size, file)
        for file in LOGS.rglob("*")
        if file.is_file() and not file.is_symlink()
    )
    left = sum(size for _, size, _ in found)
    removed = 0
    for written, size, file in found:
        if written >= before.timestamp() and left <= most:
            break
        file.unlink(missing_ok=True)
        left -= size
        removed += 1
    for folder in sorted(LOGS.rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return removed


if __name__ == "__main__":
    sys.exit(main())
