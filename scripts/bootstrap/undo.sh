#!/bin/sh
# undo.sh [--yes] [engine|base|files|venv ...]: removes what the other parts installed on this machine,
# all of it or the named kinds: the engine and the packages that came with it, the base image, files in
# home folders and logs, and .venv.
#
# Root undoes root's changes, other users undo their own: each has a record (see lib.sh), and everything
# else stays. The changes are shown and need consent first; --yes gives it.
. "$(dirname "$0")/lib.sh"

run_folder=${RUN_FOLDER:-/run}
consent=
kinds=
for word; do
    case $word in
        --yes) consent=yes ;;
        engine | base | files | venv) kinds="$kinds $word" ;;
        *) fail 2 "unknown: $word" "" "usage: scripts/bootstrap/undo.sh [--yes] [engine|base|files|venv ...]" ;;
    esac
done
kinds=${kinds:- base engine files venv}
wanted() { case " $kinds " in *" $1 "*) true ;; *) false ;; esac }

record_file=$(changes)
[ -r "$record_file" ] && recorded=$(cat "$record_file") || recorded=
# values KIND: prints the recorded values of this kind, one on each line.
values() { printf '%s\n' "$recorded" | sed -n "s/^$1 //p"; }
# forget KIND VALUE: removes a change that was undone from the record.
forget() {
    [ -f "$record_file" ] || return 0
    rest=$(mktemp "$(dirname "$record_file")/changes.XXXXXX")
    grep -vxF "$1 $2" "$record_file" >"$rest" || :
    mv -f "$rest" "$record_file"
}

is_installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

# Prints the recorded packages whose removal removes no other package.
removable() {
    ours=
    for package in $(values package); do ! is_installed "$package" || ours="$ours $package"; done
    while [ -n "$ours" ]; do
        # shellcheck disable=SC2086  # several words on purpose
        foreign=$(LC_ALL=C apt-get -s -q -y remove $ours 2>/dev/null | awk -v ours=" $ours " '
            $1 == "Remv" && index(ours, " " $2 " ") == 0 { print $2 }')
        [ -n "$foreign" ] || break
        # A recorded package that others need stays; apt is asked about each one.
        free=
        for package in $ours; do
            needed=$(LC_ALL=C apt-get -s -q -y remove "$package" 2>/dev/null | awk -v ours=" $ours " '
                $1 == "Remv" && index(ours, " " $2 " ") == 0 { print $2; exit }')
            if [ -n "$needed" ]; then note "$package is kept: $needed needs it"; else free="$free $package"; fi
        done
        [ "$free" != "$ours" ] || free=
        ours=$free
    done
    printf '%s\n' "${ours# }"
}

# Files of earlier versions, which left the suite in apt's configuration.
apt_leftovers() {
    for file in "$apt_folder/sources.list.d/composetasks-engine.sources" "$apt_folder/preferences.d/composetasks-engine"; do
        ! head -n 1 "$file" 2>/dev/null | grep -q '^# Made by composetasks' || echo "$file"
    done
}

# Whether it is a link to the installed Compose, and not something that somebody else put there.
is_our_link() { case $(readlink "$1") in */composetasks/docker-compose-*) true ;; *) false ;; esac }

daemon_pid() {
    pid=$(cat "$run_folder/docker.pid" 2>/dev/null) || return 1
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] && echo "$pid"
}

# ---------------------------------------------------------------------------- what there is to undo

packages=
images=
links=
folders=
files=
venv=
newline='
'
show=
will() { show="$show  $1$newline"; }

if wanted base; then
    for image in $(values image); do
        bounded 20 docker image inspect "$image" >/dev/null 2>&1 || continue
        images="$images $image"
        will "remove the image $image"
    done
fi
if wanted engine && is_root; then
    packages=$(removable)
    if [ -n "$packages" ]; then
        case " $packages " in
            *" docker.io "* | *" docker-ce "*)
                running=$(bounded 20 docker ps -q 2>/dev/null | grep -c . || :)
                will "stop the engine (running containers: ${running:-0})"
                ;;
        esac
        will "remove the packages $packages"
    fi
    files=$(apt_leftovers)
fi
if wanted files; then
    # Paths may contain spaces but no newlines: one on each line.
    files="$files$newline$(values file)"
    links=$(values link)
    folders=$(values folder)
fi
existing() {
    printf '%s\n' "$1" | while IFS= read -r path; do
        [ -n "$path" ] && [ -e "$path" ] && printf '%s\n' "$path" || :
    done
}
files=$(existing "$files")
folders=$(existing "$folders")
links=$(printf '%s\n' "$links" | while IFS= read -r path; do
    if [ -L "$path" ] && is_our_link "$path"; then printf '%s\n' "$path"; fi
done)
for path in "$files" "$links" "$folders"; do
    [ -z "$path" ] || will "remove $(printf '%s\n' "$path" | awk '{ line = line (NR == 1 ? "" : ", ") $0 } END { print line }')"
done
if wanted venv && [ -f "$root/.venv/.stamp" ]; then
    venv=$root/.venv
    will "remove $venv"
fi

if ! is_root && [ -s "$machine/changes" ]; then
    note "changes that root made to this machine (see $machine/changes) have to be undone by root: sudo scripts/bootstrap/undo.sh"
fi
if [ -z "$show" ]; then
    say "nothing to undo"
    exit
fi
note "will"
printf '%s' "$show" >&2
note "kept: .env and .composetasks (settings, snapshots), compose/state, the packages' configuration in /etc, and the engine's data (/var/lib/docker, /var/lib/containerd)"
if [ -z "$consent" ] && [ -t 0 ]; then
    printf 'bootstrap: undo: continue? [y/N] ' >&2
    read -r consent || consent=
    case $consent in [yY] | [yY]es) ;; *) consent= ;; esac
fi
[ -n "$consent" ] || fail 4 "nothing was undone" "it needs your consent" "scripts/bootstrap/undo.sh --yes"

# ---------------------------------------------------------------------------- undoing it

writable "$kept"
rm -f "$log"
! is_root || alone_on_machine
for image in $images; do
    quietly docker image rm "$image" || fail 1 "the image $image could not be removed" "$(last_words)" \
        "remove what uses it (inv down, docker image rm of the stack's images), and run it again"
    forget image "$image"
done
if [ -n "$packages" ]; then
    case " $packages " in
        *" docker.io "* | *" docker-ce "*)
            # With systemd, the packages stop their own service.
            if [ ! -d "${SYSTEMD_FOLDER:-/run/systemd/system}" ] && pid=$(daemon_pid); then
                kill -TERM "$pid"
                if have tail; then bounded 60 tail --pid="$pid" -f /dev/null || :; fi
            fi
            ;;
    esac
    # shellcheck disable=SC2086
    apt_get remove $packages || fail 1 "apt-get could not remove what it had installed" "$(last_words)" "see $log, then run it again"
    for package in $packages; do forget package "$package"; done
fi
printf '%s\n%s\n' "$links" "$files" | while IFS= read -r path; do
    [ -z "$path" ] || rm -f "$path"
    forget link "$path"
    forget file "$path"
done
[ -z "$venv" ] || rm -rf "$venv"
rm -f "$root/.composetasks/ready"
say "undone"
printf '%s\n' "$folders" | while IFS= read -r path; do
    [ -z "$path" ] || rm -rf "$path"
done
# An empty record is removed.
if is_root && [ -d "$machine" ] && [ ! -s "$machine/changes" ]; then
    rm -f "$machine/changes" "$machine/lock"
    rmdir "$machine" 2>/dev/null || :
fi
