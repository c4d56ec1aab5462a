"""The process that Spark forks its Python workers from, with what they need already imported.

Spark ends a worker that was idle for a minute. The next one is then there in milliseconds, where
the imports take one, and all of them share one copy in memory.
"""

import av  # noqa: F401
import numpy  # noqa: F401
import onnxruntime  # noqa: F401
import psycopg  # noqa: F401
import sentencepiece  # noqa: F401
from pyspark.daemon import manager

if __name__ == "__main__":
    manager()
