#!/bin/sh
# all.sh [--no-password]: provides all that a bare machine needs for `inv up`, in order. Each part does
# only what is missing. With --no-password this is enough for copies of the stack, not for the stack itself.
. "$(dirname "$0")/lib.sh"

parts=$root/scripts/bootstrap
writable "$kept"
[ $# -gt 0 ] || rm -f "$root/.composetasks/ready"
"$parts/venv.sh"
"$parts/engine.sh"
"$parts/compose.sh"
source=$("$parts/base.sh")
"$parts/settings.sh" "$source" "$@"
if [ $# = 0 ]; then
    : >"$root/.composetasks/ready"
    hand_over "$root" "$root/.composetasks/ready"
fi
