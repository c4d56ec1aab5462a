#!/bin/sh
# nox.sh test|faults|smoke|bench: the suite's own checks, after what they need on this machine.
#
# The tests need no engine but for those that say so at their end: without REQUIRE_ENGINE=1 the lack of one is no failure.
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
