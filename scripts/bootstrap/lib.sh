# shellcheck shell=sh disable=SC2034  # the parts use what is set here
# What every part shares: where things are, how a part speaks, and how it fails.
#
# A part is `scripts/bootstrap/NAME.sh`. It checks first whether it is needed, says in one line (on
# stderr: stdout belongs to the tasks) what it did and how long it took, and can be run alone and
# twice. OS_RELEASE, APT_FOLDER, RUN_FOLDER, SYSTEMD_FOLDER and SBIN stand for the machine in tests.

set -eu

root=$(cd "$(dirname "$0")/../.." && pwd -P)
part=$(basename "$0" .sh)
kept=$root/.composetasks/bootstrap
log=$kept/$part.log
os_release=${OS_RELEASE:-/etc/os-release}
apt_folder=${APT_FOLDER:-/etc/apt}
PATH=$PATH${SBIN-:/usr/local/sbin:/usr/sbin:/sbin}

# Milliseconds where date can tell them, and whole seconds elsewhere.
now() {
    now_=$(date +%s%3N)
    case $now_ in *[!0-9]*) now_=$(date +%s)000 ;; esac
    echo "$now_"
}
began=$(now)

# say TEXT: the part's line, with the seconds it took.
say() {
    awk -v part="$part" -v text="$1" -v ms="$(($(now) - began))" \
        'BEGIN { printf "bootstrap: %s: %s (%.1f s)\n", part, text, ms / 1000 }' >&2
}

note() { printf 'bootstrap: %s: %s\n' "$part" "$1" >&2; }

# fail CODE WHAT WHY NEXT: codes are those of the tasks (5: no usable engine).
fail() {
    printf 'bootstrap: %s: %s\n' "$part" "$2" >&2
    [ -z "$3" ] || printf '%s\n' "$3" | sed 's/^/  why:  /' >&2
    printf '  next: %s\n' "$4" >&2
    exit "$1"
}

# A part overrides this to take away what it had half done.
clean_up() { :; }
interrupted() {
    trap '' INT TERM HUP
    if [ -n "${apt:-}" ]; then
        note "interrupted: apt-get ends first what it began"
        wait "$apt" || :
    fi
    clean_up
    note "interrupted, and what was half done is gone: the same command goes on from here"
    exit "$1"
}
trap 'interrupted 130' INT
trap 'interrupted 143' TERM HUP
trap clean_up EXIT

have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

# bounded SECONDS COMMAND...: a program that hangs must not hang us.
bounded() {
    if have timeout; then timeout "$@"; else shift && "$@"; fi
}

# at_least VERSION OLDEST: both as major.minor; whatever follows is ignored.
at_least() {
    awk -v a="$1" -v b="$2" 'BEGIN {
        split(a, x, /[^0-9]+/); split(b, y, /[^0-9]+/)
        exit !(x[1] + 0 > y[1] + 0 || (x[1] + 0 == y[1] + 0 && x[2] + 0 >= y[2] + 0))
    }'
}

# os FIELD: a field of os-release, "" where there is none.
os() { [ ! -r "$os_release" ] || sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$os_release"; }

debian_family() {
    have apt-get && case " $(os ID) $(os ID_LIKE) " in *" debian "*) true ;; *) false ;; esac
}

# quietly COMMAND...: output goes to the log, which is shown in part when the command fails.
quietly() {
    mkdir -p "$kept"
    printf '$ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null
}
# The log's last errors as apt, uv and pip mark them, or else its last lines.
last_words() {
    tail -n 20 "$log" 2>/dev/null | grep -iE '^(E:|error:)' | tail -n 3 | grep . || tail -n 3 "$log" 2>/dev/null || :
}

# need_space FOLDER MEGABYTES: before anything is written there.
need_space() {
    place=$1
    while [ ! -d "$place" ]; do place=$(dirname "$place"); done
    free=$(df -Pk "$place" | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge "$2" ] ||
        fail 1 "$free MB are free at $place, and this part needs $2 MB" "" "make room there, and run it again"
}

# alone NAME: one run of a part at a time, on machines that have flock.
alone() {
    if have flock; then
        exec 9>"$1"
        flock -n 9 || {
            note "waits for another bootstrap to end"
            flock 9
        }
    fi
}

# apt_get ARGUMENTS...: without questions, waiting for another apt, after mending an interrupted dpkg.
#
# In a session of its own: dpkg interrupted half-way leaves packages that apt itself can't mend. And
# without our lock, which a daemon that a package starts would hold for good.
apt_get() {
    [ -z "$(dpkg --audit 2>/dev/null)" ] || quietly dpkg --configure -a || :
    mkdir -p "$kept"
    printf '$ apt-get %s\n' "$*" >>"$log"
    DEBIAN_FRONTEND=noninteractive setsid apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 </dev/null 9>&- &
    apt=$!
    wait "$apt" && apt='' && return
    code=$?
    apt=
    return "$code"
}

# apt_install PACKAGES...: lists are read anew only where they don't know the packages.
apt_install() {
    apt_get install --no-install-recommends "$@" ||
        { apt_get update && apt_get install --no-install-recommends "$@"; }
}

# The machine's own Debian archive, as apt has it from whichever kind of sources file.
debian_archive() {
    # shellcheck disable=SC2016  # apt expands these
    apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk '$1 == "Debian" && $2 == "main" { print $3; exit }'
}

# python_part MODULE ARGUMENTS...: a part that is written in Python, run by .venv's.
python_part() {
    [ -x "$root/.venv/bin/python" ] || fail 1 ".venv is missing" "" "run scripts/bootstrap/venv.sh first"
    module=$1
    shift
    PYTHONPATH=$root/scripts PYTHONDONTWRITEBYTECODE=1 "$root/.venv/bin/python" -m "bootstrap.$module" "$@"
}
