#!/bin/sh
# Creates .env if it is missing, and adds missing variables (see settings.py).
. "$(dirname "$0")/lib.sh"

# Containers read the mounted folders as their own users, which a checkout under `umask 077` prevents.
cd "$root"
for mounted in compose/processing compose/dags compose/checks compose/migrations train_eval_module; do
    if [ -n "$(find "$mounted" ! -type l ! -perm -004 2>/dev/null | head -n 1)" ]; then
        chmod -R go+rX "$mounted" || fail 1 "$mounted can't be read by the containers' users" "$(ls -ld "$mounted")" \
            "let its owner run: chmod -R go+rX $mounted"
        note "others may read $mounted now, which the containers' users have to"
    fi
done
python_part settings "$@"
