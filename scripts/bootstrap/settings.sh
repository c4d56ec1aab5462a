#!/bin/sh
# .env: made where it is missing, and given what it lacks (see settings.py).
. "$(dirname "$0")/lib.sh"

# Containers read what is mounted from here as users of their own; a checkout under `umask 077` lets nobody.
cd "$root"
for mounted in compose/processing compose/dags compose/checks compose/migrations train_eval_module; do
    if [ -n "$(find "$mounted" ! -type l ! -perm -004 2>/dev/null | head -n 1)" ]; then
        chmod -R go+rX "$mounted" || fail 1 "$mounted can't be read by the containers' users" "$(ls -ld "$mounted")" \
            "let its owner run: chmod -R go+rX $mounted"
        note "others may read $mounted now, which the containers' users have to"
    fi
done
python_part settings "$@"
