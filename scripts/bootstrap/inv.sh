#!/bin/sh
# inv.sh TASK ARGUMENTS...: runs a task of the suite, after the parts that it needs on this machine.
#
# Once the machine is ready, the parts do not run again until a lock or a part has changed, which one
# `find` checks. The task itself checks whether the engine answers. Only if it reports that none does (exit
# 5), or if a build fails because the base image is missing, the parts run once more.
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
        # stdout is one document: a second attempt would print another.
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
