#!/bin/sh
# inv.sh TASK ARGUMENTS...: a task of the suite, after what it needs on this machine.
#
# What was made ready once is not looked at again until a lock or a part has changed: that costs one
# `find`. Whether the engine answers is the task's own to see; only when it says that none does (exit 5),
# or a build fails for want of the base image, the parts are called once more.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
parts=scripts/bootstrap
cd "$root"

is_ready() {
    [ -x .venv/bin/python ] && [ -f .env ] && [ -f .composetasks/ready ] &&
        [ -z "$(find requirements $parts -newer .composetasks/ready -type f ! -name '*.pyc')" ]
}

base_is_gone() {
    grep -q '^BASE_IMAGE=composetasks/base:bookworm' .env && ! docker image inspect composetasks/base:bookworm >/dev/null 2>&1
}

case $1 in
    up | build | verify)
        is_ready || $parts/all.sh
        # One document on stdout: there is no second try after a first has been printed.
        case " $* " in *" --json "*) $parts/engine.sh ;; esac
        code=0
        .venv/bin/inv "$@" || code=$?
        case $code in
            5) $parts/all.sh ;;
            7) base_is_gone && $parts/all.sh || exit 7 ;;
            *) exit $code ;;
        esac
        ;;
    *) is_ready || $parts/venv.sh ;;
esac
exec .venv/bin/inv "$@"
