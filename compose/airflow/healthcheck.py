"""Exit 0 when Airflow's database, scheduler, DAG processor and API all work."""

import json
import sys
import urllib.error
import urllib.request

HEALTH = "http://127.0.0.1:8080/api/v2/monitor/health"
NEEDED = ("metadatabase", "scheduler", "dag_processor")


def main() -> int:
    """0, or 1 after a line that says what is missing."""
    try:
        with urllib.request.urlopen(HEALTH, timeout=5) as answer:
            parts = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError) as error:
        print(f"the API does not answer: {error}")
        return 1
    missing = [name for name in NEEDED if (parts.get(name) or {}).get("status") != "healthy"]
    if missing:
        print(f"not healthy yet: {', '.join(missing)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
