#!/bin/sh
# nox.sh test|faults|smoke|bench: runs the suite's checks, after the parts that they need on this machine.
#
# Without an engine, its tests are skipped with a final note; this is a failure only with REQUIRE_ENGINE=1.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
parts=scripts/bootstrap
cd "$root"

case $1 in
    test)
        $parts/venv.sh
        if $parts/engine.sh; then
            $parts/compose.sh
        elif [ "${REQUIRE_ENGINE:-}" = 1 ]; then
            exit 5
        fi
        shift
        exec .venv/bin/nox -s lint types unit functional engine "$@"
        ;;
    *)
        $parts/all.sh --no-password
        exec .venv/bin/nox -s "$@"
        ;;
esac
