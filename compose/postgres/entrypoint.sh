#!/bin/bash
# Makes the cluster on the first start, as the official image does, then becomes the server.
set -euo pipefail

: "${POSTGRES_USER:=postgres}" "${POSTGRES_DB:=$POSTGRES_USER}"

if [[ $(id -u) == 0 ]]; then
    install -d -o postgres -g postgres -m 0700 "$(dirname "$PGDATA")"
    install -d -o postgres -g postgres -m 2775 /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
fi

# The cluster is made beside its place and moved there when whole: one cut short is never taken for one.
make_cluster() {
    local part="$PGDATA.part" script password="${POSTGRES_PASSWORD:-}"
    [[ -z ${POSTGRES_PASSWORD_FILE:-} ]] || password=$(<"$POSTGRES_PASSWORD_FILE")
    rm -rf "$part"
    # shellcheck disable=SC2086  # several arguments in one variable, as the official image has it
    initdb --pgdata="$part" --username="$POSTGRES_USER" --auth-local=trust --auth-host=scram-sha-256 \
        --pwfile=<(printf '%s' "${password:?POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE is needed to make the database}") ${POSTGRES_INITDB_ARGS:-}
    echo 'host all all all scram-sha-256' >> "$part/pg_hba.conf"

    # The server that runs the scripts listens on its socket alone, so nobody takes it for the real one.
    pg_ctl --pgdata="$part" --wait --silent --options="-c listen_addresses=''" start
    if [[ $POSTGRES_DB != postgres ]]; then
        psql --quiet --set ON_ERROR_STOP=1 --set db="$POSTGRES_DB" --username "$POSTGRES_USER" \
            --dbname postgres <<< 'CREATE DATABASE :"db";'
    fi
    for script in /docker-entrypoint-initdb.d/*.sh; do
        [[ -e $script ]] || continue
        echo "running $script"
        bash "$script"
    done
    pg_ctl --pgdata="$part" --wait --silent --mode=fast stop
    mv "$part" "$PGDATA"
}

if [[ ${1:-} == postgres ]]; then
    [[ -s $PGDATA/PG_VERSION ]] || make_cluster
    set -- "$@" -c listen_addresses='*'
fi
exec "$@"
