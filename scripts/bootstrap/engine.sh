#!/bin/sh
# Makes sure that an engine answers that is new enough: starts an installed one, or installs one (Debian
# family, as root) from the machine's own release, from Docker's repository if apt already has it, or from
# Debian's next release, which apt uses for this installation only. Exits 5 if there is no usable engine.
. "$(dirname "$0")/lib.sh"

oldest_engine=25.0
oldest_buildx=0.17
run_folder=${RUN_FOLDER:-/run}
systemd_folder=${SYSTEMD_FOLDER:-/run/systemd/system}
daemon_log=${DAEMON_LOG:-/var/log/composetasks-dockerd.log}
answer_seconds=${ANSWER_SECONDS:-60}
# The engine or Buildx of Debian 12 and 13 is too old; those of the next release are new enough.
suite=forky
suite_packages="docker.io docker-buildx docker-cli tini-static containerd"
borrowed=
by_hand="Docker Engine from $oldest_engine and Buildx from $oldest_buildx (packages docker.io and docker-buildx, or docker-ce and docker-buildx-plugin)"

# engine: asks the engine for its version; an error message is left in $answer.
engine() {
    have docker || return 1
    answer=$(bounded 20 docker version --format '{{.Server.Version}}' 2>&1) || return 1
    version=$answer
}

buildx_version() {
    bounded 20 docker buildx version 2>/dev/null | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^v?[0-9]+\./) { sub(/^v/, "", $i); print $i; exit } }'
}

# done_if_usable HOW: if an engine answers, ends this part, with a failure if it is not usable.
done_if_usable() {
    engine || return 0
    at_least "$version" "$oldest_engine" || fail 5 "the engine is Docker $version, but this project needs $oldest_engine or newer" \
        "older engines don't support start_interval in health checks" \
        "upgrade it: $by_hand"
    buildx=$(buildx_version)
    [ -n "$buildx" ] || fail 5 "Docker $version answers, but has no Buildx" "Compose builds images with it" \
        "install Buildx $oldest_buildx or newer (package docker-buildx, or docker-buildx-plugin)"
    at_least "$buildx" "$oldest_buildx" || fail 5 "Buildx is $buildx, but Compose needs $oldest_buildx or newer to build" "" \
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

# shellcheck disable=SC2086  # options, several words on purpose
candidate() { apt-cache $apt_options policy "$1" 2>/dev/null | awk '
    $1 == "Candidate:" { sub(/^[0-9]+:/, "", $2); version = $2; exit } END { print version ? version : "(none)" }'; }

# offers ENGINE BUILDX: apt has both packages, in versions that are new enough.
offers() { at_least "$(candidate "$1")" "$oldest_engine" && at_least "$(candidate "$2")" "$oldest_buildx"; }

# fits PACKAGES...: they can be installed without the removal of another package.
fits() { plan=$(apt_plan "$@") && [ -z "$(planned gone "$plan")" ]; }

# Adds the next release's suite in a separate configuration, with copies of the machine's: apt's own
# configuration stays unchanged, however this run ends. Without the pins, apt would upgrade everything
# from the suite.
borrow_suite() {
    archive=$(debian_archive)
    [ -n "$archive" ] || fail 5 "no engine that is new enough can be installed" \
        "apt's sources have no Debian archive with the suite $suite" "install $by_hand"
    borrowed=$(mktemp -d "$machine/apt.XXXXXX") || fail 1 "no working folder can be created" "" "check $machine"
    sources=$borrowed/sources.list.d
    preferences=$borrowed/preferences.d
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    (
        umask 022
        chmod 755 "$borrowed" # apt reads packages as its own user
        mkdir "$sources" "$preferences" "$borrowed/lists"
        [ ! -d "$apt_folder/sources.list.d" ] || cp -R "$apt_folder/sources.list.d/." "$sources"
        [ ! -d "$apt_folder/preferences.d" ] || cp -R "$apt_folder/preferences.d/." "$preferences"
        cat >"$preferences/composetasks-engine" <<X
Package: *
Pin: release n=$suite
Pin-Priority: 50

Package: $suite_packages
Pin: release n=$suite
Pin-Priority: 990
X
        cat >"$sources/composetasks-engine.sources" <<X
Types: deb
URIs: $archive
Suites: $suite
Components: main
$([ ! -e "$keyring" ] || echo "Signed-By: $keyring")
X
    )
    apt_options="-o Dir::Etc::SourceParts=$sources/ -o Dir::Etc::PreferencesParts=$preferences/ -o Dir::State::Lists=$borrowed/lists/ -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
}

# shellcheck disable=SC2329  # called by lib.sh's traps
clean_up() { [ -z "$borrowed" ] || rm -rf "$borrowed"; }

# choose: sets $packages, and $origin as text.
choose() {
    packages="docker.io docker-buildx iptables ca-certificates pigz"
    have docker || packages="$packages docker-cli"
    vendor="docker-ce docker-ce-cli docker-buildx-plugin containerd.io iptables ca-certificates pigz"
    origin="this release's own packages"
    # shellcheck disable=SC2086  # several words on purpose
    if offers docker.io docker-buildx && fits $packages; then return; fi
    # shellcheck disable=SC2086
    if offers docker-ce docker-buildx-plugin && fits $vendor; then
        packages=$vendor
        origin="Docker's repository, which apt has already"
        return
    fi
    if offers docker.io docker-buildx; then return; fi # apt reports what prevents the installation
    too_old="its docker.io is $(candidate docker.io), its docker-buildx $(candidate docker-buildx); needed are $oldest_engine and $oldest_buildx"
    [ "$(os ID)" = debian ] || fail 5 "no engine is installed, and $(os PRETTY_NAME) has none that is new enough" \
        "$too_old" "install $by_hand"
    borrow_suite
    note "$(os PRETTY_NAME) has no engine that is new enough: $too_old"
    note "installing it from Debian's suite $suite ($archive), for this installation only: apt's own sources and pins are unchanged"
    { apt_get update && offers docker.io docker-buildx; } ||
        fail 5 "no engine is installed, and Debian's suite $suite can't be read from $archive" "$(last_words)" "install $by_hand"
    origin="Debian's suite $suite"
}

install() {
    need_space /var/cache/apt 500
    need_space /var/lib 2000
    apt_get update || fail 5 "no engine is installed, and apt-get could not read its package lists" "$(last_words)" \
        "check the network and the machine's apt sources, then run it again; the whole log: $log"
    choose
    # shellcheck disable=SC2086  # several words on purpose
    apt_install "the engine, from $origin" $packages ||
        fail 5 "apt-get could not install the engine" "$(last_words)" "see $log, correct the cause, and run it again"
    [ -z "$borrowed" ] ||
        note "apt does not upgrade these packages, because $suite is not among its sources: for a newer engine, scripts/bootstrap/undo.sh engine and \`make up\`"
    hash -r
}

# ---------------------------------------------------------------------------- starting

# After a power loss a pid file remains; dockerd mistakes any process that has this number now for itself.
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

# answers_in_time PID: waits until the engine answers, the daemon ends, or the time is over.
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
            # In its own session: it outlives this shell, and Ctrl-C here does not reach it.
            note "starting dockerd, which writes to $daemon_log"
            record file "$daemon_log"
            (umask 022 && exec setsid dockerd) >>"$daemon_log" 2>&1 </dev/null 9<&- &
            daemon=$!
        fi
    fi
    answers_in_time "$daemon" || fail 5 "the engine was started, but does not answer" \
        "$(tail -n 4 "$daemon_log" 2>/dev/null || printf '%s' "$answer")" \
        "see $daemon_log; a container without privileges can't run an engine: there, point DOCKER_HOST at one"
}

# ----------------------------------------------------------------------------

done_if_usable "an engine answers"
if elsewhere=$(chosen_elsewhere); then
    fail 5 "the engine at $elsewhere does not answer" "$(printf '%s\n' "${answer:-there is no docker client}" | tail -n 1)" \
        "start it there, or unset what selects it to use this machine's own"
fi
case ${answer:-} in
    *[Pp]"ermission denied"*)
        fail 5 "an engine is installed, but this user may not use it" "$(printf '%s\n' "$answer" | tail -n 1)" \
            "add yourself to its group (sudo usermod -aG docker \$USER: this grants root privileges), log in again, and run it again; or use a rootless engine (dockerd-rootless-setuptool.sh install)"
        ;;
esac
if ! is_root; then
    if have dockerd; then
        fail 5 "an engine is installed, but does not answer" "$(printf '%s\n' "${answer:-there is no docker client}" | tail -n 1)" \
            "start it: sudo systemctl start docker (or sudo service docker start); a rootless engine: systemctl --user start docker"
    fi
    fail 5 "no engine is installed, and only root can install one" "" "install $by_hand, or run \`sudo make up\` once on a Debian-family machine"
fi
writable "$kept"
rm -f "$log"
alone_on_machine
done_if_usable "an engine answers"
how="the installed engine was started"
if ! have dockerd || ! have docker; then
    debian_family || fail 5 "no engine is installed, and this machine is not of the Debian family" \
        "$(os PRETTY_NAME)" "install $by_hand with its own package manager, start it, and run it again"
    install
    how="an engine was installed from $origin and started"
fi
engine || start
done_if_usable "$how"
fail 5 "no engine answers" "${answer:-}" "see $log and $daemon_log"
