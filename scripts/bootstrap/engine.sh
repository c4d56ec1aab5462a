#!/bin/sh
# The engine: sees that one answers that is new enough; starts the one that is installed; installs
# one from the distribution's packages where there is none (Debian family, as root). Exits 5 where
# no usable engine can be had.
. "$(dirname "$0")/lib.sh"

oldest_engine=25.0
oldest_buildx=0.17
run_folder=${RUN_FOLDER:-/run}
systemd_folder=${SYSTEMD_FOLDER:-/run/systemd/system}
daemon_log=${DAEMON_LOG:-/var/log/composetasks-dockerd.log}
answer_seconds=${ANSWER_SECONDS:-60}
# Debian 12 and 13 have an engine or a Buildx that is too old; their next release has not.
suite=forky
suite_packages="docker.io docker-buildx docker-cli tini-static containerd"
source_file=$apt_folder/sources.list.d/composetasks-engine.sources
pin_file=$apt_folder/preferences.d/composetasks-engine
by_hand="Docker Engine from $oldest_engine and Buildx from $oldest_buildx (packages docker.io and docker-buildx, or docker-ce and docker-buildx-plugin)"

# engine: asks it for its version; what it said otherwise is left in $answer.
engine() {
    have docker || return 1
    answer=$(bounded 20 docker version --format '{{.Server.Version}}' 2>&1) || return 1
    version=$answer
}

buildx_version() {
    bounded 20 docker buildx version 2>/dev/null | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^v?[0-9]+\./) { sub(/^v/, "", $i); print $i; exit } }'
}

# done_if_usable HOW: an engine that answers is the end of this part, one way or the other.
done_if_usable() {
    engine || return 0
    at_least "$version" "$oldest_engine" || fail 5 "the engine is Docker $version, and this project needs $oldest_engine or newer" \
        "health checks are probed fast while a service starts (start_interval), which older engines can't" \
        "upgrade it: $by_hand"
    buildx=$(buildx_version)
    [ -n "$buildx" ] || fail 5 "Docker $version answers, and has no Buildx" "Compose builds images with it" \
        "install Buildx from $oldest_buildx (package docker-buildx, or docker-buildx-plugin)"
    at_least "$buildx" "$oldest_buildx" || fail 5 "Buildx is $buildx, and Compose needs $oldest_buildx or newer to build" "" \
        "upgrade the package docker-buildx (or docker-buildx-plugin)"
    say "$1 (Docker $version, Buildx $buildx)"
    exit 0
}

chosen_elsewhere() {
    [ -n "${DOCKER_HOST:-}" ] && echo "DOCKER_HOST=$DOCKER_HOST" && return
    chosen=$(docker context show 2>/dev/null) || chosen=${DOCKER_CONTEXT:-default}
    [ "$chosen" != default ] && echo "docker context $chosen"
}

# ---------------------------------------------------------------------------- installing

candidate() { apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" { sub(/^[0-9]+:/, "", $2); print $2; exit }'; }

distribution_is_new_enough() {
    at_least "$(candidate docker.io)" "$oldest_engine" && at_least "$(candidate docker-buildx)" "$oldest_buildx"
}

write() {
    mkdir -p "$(dirname "$1")"
    cat >"$1.new"
    mv -f "$1.new" "$1"
}

# The pins come first: without them the new suite would be taken for an upgrade of everything.
add_suite() {
    archive=$(debian_archive)
    [ -n "$archive" ] || fail 5 "no engine that is new enough can be installed" \
        "apt's sources name no Debian archive to take the suite $suite from" "install $by_hand"
    write "$pin_file" <<X
# Made by composetasks: the engine alone comes from $suite.
Package: *
Pin: release n=$suite
Pin-Priority: 50

Package: $suite_packages
Pin: release n=$suite
Pin-Priority: 990
X
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    write "$source_file" <<X
# Made by composetasks: the engine alone comes from here, see ../preferences.d/composetasks-engine
Types: deb
URIs: $archive
Suites: $suite
Components: main
$([ ! -e "$keyring" ] || echo "Signed-By: $keyring")
X
    suite_added=yes
}

# Sources that apt can't read would break every later apt-get of the machine.
# shellcheck disable=SC2329  # called by lib.sh's traps
clean_up() {
    rm -f "$source_file.new" "$pin_file.new"
    [ -z "${suite_added:-}" ] || rm -f "$source_file" "$pin_file"
}

install() {
    need_space /var/cache/apt 500
    need_space /var/lib 2000
    : >>"$log" 2>/dev/null || mkdir -p "$kept"
    note "installs an engine from the distribution's packages"
    apt_get update || fail 5 "no engine is installed, and apt-get could not read its package lists" "$(last_words)" \
        "check the network and the machine's apt sources, then run it again; all of it: $log"
    if ! distribution_is_new_enough; then
        [ "$(os ID)" = debian ] || fail 5 "no engine is installed, and $(os PRETTY_NAME) has none that is new enough" \
            "its docker.io is $(candidate docker.io), its docker-buildx $(candidate docker-buildx)" "install $by_hand"
        if [ ! -e "$source_file" ] || [ ! -e "$pin_file" ]; then add_suite; fi
        { apt_get update && distribution_is_new_enough; } ||
            fail 5 "no engine is installed, and Debian's suite $suite can't be read from $(debian_archive)" "$(last_words)" \
                "install $by_hand"
        suite_added=
    fi
    packages="docker.io docker-buildx iptables ca-certificates pigz"
    have docker || packages="$packages docker-cli"
    # shellcheck disable=SC2086  # several words on purpose
    apt_get install --no-install-recommends $packages ||
        fail 5 "apt-get could not install the engine" "$(last_words)" "see $log, mend it, and run it again"
    hash -r
}

# ---------------------------------------------------------------------------- starting

# A pid file outlives a machine that was switched off; dockerd takes whoever has that number now for itself.
forget_stale_pids() {
    for file in "$run_folder/docker.pid" "$run_folder/docker/containerd/containerd.pid"; do
        [ -r "$file" ] || continue
        case $(cat "/proc/$(cat "$file")/comm" 2>/dev/null) in
            dockerd | containerd) ;;
            *) rm -f "$file" ;;
        esac
    done
}

daemon_runs() { [ -r "$run_folder/docker.pid" ] && kill -0 "$(cat "$run_folder/docker.pid")" 2>/dev/null; }

# answers_in_time PID: until the engine answers, the daemon ends, or the time is over.
answers_in_time() {
    deadline=$(($(date +%s) + answer_seconds))
    until engine; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        if [ -n "$1" ] && ! kill -0 "$1" 2>/dev/null && ! daemon_runs; then return 1; fi
        sleep 0.2
    done
}

start() {
    daemon=
    if [ -d "$systemd_folder" ]; then
        quietly systemctl start docker || fail 5 "systemd could not start the engine" "$(last_words)" "see: journalctl -u docker"
    else
        forget_stale_pids
        if ! daemon_runs; then
            # In a session of its own: it outlives this shell, and an interrupt typed here is not for it.
            setsid dockerd >>"$daemon_log" 2>&1 </dev/null 9>&- &
            daemon=$!
        fi
    fi
    answers_in_time "$daemon" || fail 5 "the engine was started and does not answer" \
        "$(tail -n 4 "$daemon_log" 2>/dev/null || printf '%s' "$answer")" \
        "see $daemon_log; a container without privileges can't run an engine: there, point DOCKER_HOST at one"
}

# ----------------------------------------------------------------------------

done_if_usable "an engine answers"
if elsewhere=$(chosen_elsewhere); then
    fail 5 "the engine at $elsewhere does not answer" "$(printf '%s\n' "${answer:-there is no docker client}" | tail -n 1)" \
        "start it there, or unset what chose it to use this machine's own"
fi
case ${answer:-} in
    *[Pp]"ermission denied"*)
        fail 5 "an engine is here, and this user may not use it" "$(printf '%s\n' "$answer" | tail -n 1)" \
            "add yourself to its group (sudo usermod -aG docker \$USER), log in again, and run it again"
        ;;
esac
if ! is_root; then
    if have dockerd; then
        fail 5 "an engine is installed and does not answer" "$(printf '%s\n' "${answer:-there is no docker client}" | tail -n 1)" \
            "start it: sudo systemctl start docker (or sudo service docker start)"
    fi
    fail 5 "no engine is installed, and only root can install one" "" "install $by_hand, or run \`sudo make up\` once on a Debian-family machine"
fi
mkdir -p "$kept"
alone "$kept/engine.lock"
done_if_usable "an engine answers"
how="the installed engine was started"
if ! have dockerd || ! have docker; then
    debian_family || fail 5 "no engine is installed, and this machine is not of the Debian family" \
        "$(os PRETTY_NAME)" "install $by_hand with its own package manager, start it, and run it again"
    install
    how="an engine was installed from the distribution's packages and started"
fi
engine || start
done_if_usable "$how"
fail 5 "no engine answers" "${answer:-}" "see $log and $daemon_log"
