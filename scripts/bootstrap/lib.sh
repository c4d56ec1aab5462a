# shellcheck shell=sh disable=SC2034  # the parts use the variables that are set here
# Shared by all parts: paths, messages and failures.
#
# A part is `scripts/bootstrap/NAME.sh`. It first checks whether it is needed, reports in one line (on
# stderr: stdout is left to the tasks) what it did and how long it took, and can be run alone and
# repeatedly. Tests replace the machine's paths with OS_RELEASE, APT_FOLDER, RUN_FOLDER, SYSTEMD_FOLDER,
# MACHINE_FOLDER and SBIN.

set -eu

root=$(cd "$(dirname "$0")/../.." && pwd -P)
part=$(basename "$0" .sh)
kept=$root/.composetasks/bootstrap
log=$kept/$part.log
os_release=${OS_RELEASE:-/etc/os-release}
apt_folder=${APT_FOLDER:-/etc/apt}
# Root's working folder, with the record of its changes for undo.sh: only root can write to it.
machine=${MACHINE_FOLDER:-/var/lib/composetasks}
apt_options=
PATH=$PATH${SBIN-:/usr/local/sbin:/usr/sbin:/sbin}

# Milliseconds if date supports them, otherwise whole seconds.
now() {
    now_=$(date +%s%3N)
    case $now_ in *[!0-9]*) now_=$(date +%s)000 ;; esac
    echo "$now_"
}
began=$(now)

# say TEXT: prints the part's line, with the seconds it took.
say() {
    awk -v part="$part" -v text="$1" -v ms="$(($(now) - began))" \
        'BEGIN { printf "bootstrap: %s: %s (%.1f s)\n", part, text, ms / 1000 }' >&2
}

note() { printf 'bootstrap: %s: %s\n' "$part" "$1" >&2; }

# fail CODE WHAT WHY NEXT: the exit codes are those of the tasks (5: no usable engine).
fail() {
    printf 'bootstrap: %s: %s\n' "$part" "$2" >&2
    [ -z "$3" ] || printf '%s\n' "$3" | sed 's/^/  why:  /' >&2
    printf '  next: %s\n' "$4" >&2
    exit "$1"
}

# A part overrides this to remove its partial work: only what this run created.
clean_up() { :; }
interrupted() {
    trap '' INT TERM HUP
    if [ -n "${apt:-}" ]; then
        note "interrupted: waiting for apt-get to finish"
        wait "$apt" || :
    fi
    clean_up
    note "interrupted; partial work was removed: the same command continues from here"
    exit "$1"
}
trap 'interrupted 130' INT
trap 'interrupted 143' TERM HUP
trap 'clean_up; hand_over_kept' EXIT

have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

# Without a writable HOME (cron, a system user), one in the checkout is used.
if [ -z "${HOME:-}" ]; then
    HOME=$(getent passwd "$(id -u)" 2>/dev/null | awk -F: '{ print $6; exit }') || HOME=
fi
if [ ! -d "$HOME" ] || [ ! -w "$HOME" ]; then HOME=$root/.composetasks/home; fi
export HOME
store=${XDG_DATA_HOME:-$HOME/.local/share}/composetasks

# hand_over FOLDER PATHS...: gives what root creates in another user's folder to that user.
hand_over() {
    owned=$1
    shift
    # shellcheck disable=SC3067  # -O: dash, bash and busybox have it
    if is_root && [ ! -O "$owned" ]; then chown -hR --reference="$owned" "$@"; fi
}
hand_over_kept() { [ ! -d "$kept" ] || hand_over "$root" "$kept"; }

# writable FOLDER [OF]: creates a missing folder, for the owner of OF (default: the checkout); fails if
# this user cannot write to it.
writable() {
    if [ ! -e "$1" ]; then
        writable "$(dirname "$1")" "${2:-$root}"
        mkdir "$1" 2>/dev/null || :
        hand_over "${2:-$root}" "$1"
    fi
    [ -d "$1" ] && [ -w "$1" ] || fail 1 "$1 can't be written" "$(ls -ld "$1" 2>&1)" \
        "make it yours (sudo chown -R $(id -un) '$1'), and run it again"
}

# Creates $machine, and checks that it belongs to root and nobody else can write to it.
machine_folder() {
    (umask 022 && mkdir -p "$machine") 2>/dev/null || fail 1 "$machine can't be created" "" "check that folder"
    # shellcheck disable=SC3067  # -O: dash, bash and busybox have it
    if [ -L "$machine" ] || [ ! -O "$machine" ] || [ -n "$(find "$machine" -prune \( -perm -020 -o -perm -002 \))" ]; then
        fail 1 "$machine can be changed by other users, so root does not use it" "$(ls -ld "$machine" 2>/dev/null)" \
            "check who created it, move it away, and run it again"
    fi
}

# record KIND VALUE: records what this run is about to change outside of the checkout, for undo.sh.
# Root's changes are recorded in $machine, those of other users in their $store.
changes() { if is_root; then echo "$machine/changes"; else echo "$store/changes"; fi; }
record() {
    if is_root; then machine_folder; else writable "$store" "$HOME"; fi
    grep -qxF "$1 $2" "$(changes)" 2>/dev/null || (umask 022 && printf '%s %s\n' "$1" "$2" >>"$(changes)")
}

# bounded SECONDS COMMAND...: ends a program that hangs.
bounded() {
    if have timeout; then timeout "$@"; else shift && "$@"; fi
}

# at_least VERSION OLDEST: compares major.minor; the rest is ignored.
at_least() {
    awk -v a="$1" -v b="$2" 'BEGIN {
        split(a, x, /[^0-9]+/); split(b, y, /[^0-9]+/)
        exit !(x[1] + 0 > y[1] + 0 || (x[1] + 0 == y[1] + 0 && x[2] + 0 >= y[2] + 0))
    }'
}

# os FIELD: prints a field of os-release, "" if there is none.
os() { [ ! -r "$os_release" ] || sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$os_release"; }

debian_family() {
    have apt-get && case " $(os ID) $(os ID_LIKE) " in *" debian "*) true ;; *) false ;; esac
}

# quietly COMMAND...: writes the output to the log, whose end is shown if the command fails.
quietly() {
    writable "$kept"
    printf '$ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null
}
# The log's last errors as apt, uv and pip mark them, or else its last lines.
last_words() {
    tail -n 20 "$log" 2>/dev/null | grep -iE '^(E:|error:)' | tail -n 3 | grep . || tail -n 3 "$log" 2>/dev/null || :
}

# need_space FOLDER MEGABYTES: fails if less is free, before anything is written there.
need_space() {
    place=$1
    while [ ! -d "$place" ]; do place=$(dirname "$place"); done
    free=$(df -Pk "$place" | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge "$2" ] ||
        fail 1 "$free MB are free at $place, but this part needs $2 MB" "" "free space there, and run it again"
}

# alone FILE: allows one run at a time, if flock exists. FILE is opened for reading: it may belong to another user.
alone() {
    if have flock; then
        [ -e "$1" ] || : >"$1"
        exec 9<"$1"
        flock -n 9 || {
            note "waiting for another bootstrap to end"
            flock 9
        }
    fi
}

# alone_on_machine: like alone, across checkouts, for root's changes to the machine.
alone_on_machine() {
    machine_folder
    alone "$machine/lock"
}

# apt_get ARGUMENTS...: asks no questions, waits for another apt, and first repairs an interrupted dpkg.
#
# It runs in its own session, because an interrupted dpkg leaves packages that apt itself cannot repair.
# It runs without the lock's descriptor, which a daemon started by a package would keep open. Packages
# get the usual file modes, whatever this user's umask is.
apt_get() {
    [ -z "$(dpkg --audit 2>/dev/null)" ] || quietly dpkg --configure -a || :
    writable "$kept"
    printf '$ apt-get %s\n' "$*" >>"$log"
    (
        umask 022
        # shellcheck disable=SC2086  # options, several words on purpose
        DEBIAN_FRONTEND=noninteractive exec setsid apt-get -q -y -o DPkg::Lock::Timeout=300 $apt_options "$@"
    ) >>"$log" 2>&1 </dev/null 9<&- &
    apt=$!
    wait "$apt" && apt='' && return
    code=$?
    apt=
    return "$code"
}

# apt_plan PACKAGES...: prints what an installation would do, as lines `new NAME VERSION`, `newer NAME
# VERSION` and `gone NAME`.
apt_plan() {
    writable "$kept"
    # shellcheck disable=SC2086
    simulated=$(LC_ALL=C apt-get -s -q -y $apt_options install --no-install-recommends "$@" 2>>"$log") || return
    printf '%s\n' "$simulated" | awk '$1 == "Inst" { how = "new"; version = $3; if ($3 ~ /^\[/) { how = "newer"; version = $4 } sub(/^\(/, "", version); print how, $2, version }
        $1 == "Remv" { print "gone", $2 }'
}
# planned HOW PLAN: prints the packages of these lines in one line.
planned() { printf '%s\n' "$2" | awk -v how="$1" '$1 == how { line = line (line ? ", " : "") $2 (how == "gone" ? "" : " " $3) } END { print line }'; }

# apt_install WHY PACKAGES...: first reports what is installed and why, and how to undo it. Package lists
# are updated only if they lack the packages; no package is ever removed.
apt_install() { apt_install_once "$@" || { apt_get update && apt_install_once "$@"; }; }
apt_install_once() {
    why=$1
    shift
    plan=$(apt_plan "$@") || return
    gone=$(planned gone "$plan")
    if [ -n "$gone" ]; then
        echo "E: it would remove $gone" >>"$log"
        return 1
    fi
    new=$(planned new "$plan")
    newer=$(planned newer "$plan")
    [ -z "$new" ] || note "apt installs for $why: $new (to undo it: scripts/bootstrap/undo.sh)"
    [ -z "$newer" ] || note "apt upgrades for $why: $newer (this can't be undone)"
    for package in $(printf '%s\n' "$plan" | awk '$1 == "new" { print $2 }'); do record package "$package"; done
    apt_get install --no-install-recommends --no-remove "$@"
}

# The URI of the machine's Debian archive, whatever the format of apt's sources.
debian_archive() {
    # shellcheck disable=SC2016  # apt expands these
    apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk '$1 == "Debian" && $2 == "main" { print $3; exit }'
}

# python_part MODULE ARGUMENTS...: runs a part that is written in Python with .venv's Python.
python_part() {
    [ -x "$root/.venv/bin/python" ] || fail 1 ".venv is missing" "" "run scripts/bootstrap/venv.sh first"
    module=$1
    shift
    PYTHONPATH=$root/scripts PYTHONDONTWRITEBYTECODE=1 "$root/.venv/bin/python" -m "bootstrap.$module" "$@"
}
