"""The process that Spark forks its Python workers from, with what they need already imported.

Spark ends a worker that was idle for a minute. The next one is then there in milliseconds, where
an import of torch takes seconds, and all of them share one copy in memory.
"""

import av  # noqa: F401
import numpy  # noqa: F401
import psycopg  # noqa: F401
import torch
from pyspark.daemon import manager

if __name__ == "__main__":
    # A pool of threads would not survive the fork; the workers are as many as there are cores.
    torch.set_num_threads(1)
    manager()
