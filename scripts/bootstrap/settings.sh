#!/bin/sh
# .env: made where it is missing, and given what it lacks (see settings.py).
. "$(dirname "$0")/lib.sh"

python_part settings "$@"
