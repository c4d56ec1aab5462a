#!/bin/sh
# Creates .venv: the suite, Invoke, Nox and Compose's binary in their locked versions.
#
# It is created in another folder and moved into place when complete. Its stamp is a digest of its inputs,
# so it is created again after a change of a lock, Python or the folder.
. "$(dirname "$0")/lib.sh"

venv=$root/.venv
new=$root/.venv.new
locks=$root/requirements
# uv trusts the machine's certificate authorities, for proxies with their own authority.
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}" UV_PYTHON_DOWNLOADS=never UV_LINK_MODE="${UV_LINK_MODE:-copy}"
export PIP_DISABLE_PIP_VERSION_CHECK=1
unset VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH

clean_up() { rm -rf "$new"; }

digest() {
    {
        echo "$root"
        "$1" -VV
        cat "$0" "$locks/dev.txt" "$locks/compose.txt" "$locks/uv.txt"
    } | cksum
}

is_whole() {
    [ -r "$venv/.stamp" ] && [ "$(digest "$venv/bin/python" 2>/dev/null)" = "$(cat "$venv/.stamp")" ]
}

# usable_python [MODULE]: prints a CPython from 3.10 that has the module. A version manager's shims work
# only for the versions that are active, so each one is run.
usable_python() {
    for python_ in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python3.10 \
        /usr/bin/python3 "$HOME"/.pyenv/versions/*/bin/python3; do
        if "$python_" -c "
import sys, ${1:-sys}
sys.exit(sys.version_info < (3, 10) or sys.implementation.name != 'cpython')" >/dev/null 2>&1 </dev/null; then
            "$python_" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

find_python() {
    python=$(usable_python ensurepip) && return
    found=$(usable_python) || fail 1 "no CPython 3.10 or newer found" \
        "none of python3, python3.10 ... python3.14 is such a version" \
        "install one, or set PYTHON: PYTHON=/path/to/python3 make up"
    if ! is_root || ! debian_family; then
        fail 1 "$found can't make virtual environments" "its modules venv and ensurepip are missing" \
            "install its venv package (on Debian, as root: apt-get install python3-venv)"
    fi
    packages=python3-venv
    [ -s /etc/ssl/certs/ca-certificates.crt ] || packages="$packages ca-certificates"
    # shellcheck disable=SC2086  # several words on purpose
    apt_install ".venv" $packages || fail 1 "apt-get could not install $packages" "$(last_words)" \
        "see $log, then run it again"
    python=$(usable_python ensurepip) || fail 1 "$found still can't make virtual environments" \
        "it is not the distribution's, which now can" "use that one: PYTHON=/usr/bin/python3 make up"
}

# attempt COMMAND...: runs a step of the installation; the advice on failure is the same for all.
attempt() {
    quietly "$@" || fail 1 "the locked packages could not be installed" "$(last_words)" \
        "check that the package index can be reached (network, HTTPS_PROXY, disk), then run it again; the whole log: $log"
}

make_venv() {
    find_python
    need_space "$root" 500
    mkdir -p "$new"
    uv=$venv/bin/uv
    if ! "$uv" --version >/dev/null 2>&1; then
        attempt "$python" -m venv "$new/uv"
        attempt "$new/uv/bin/python" -m pip install --require-hashes -r "$locks/uv.txt"
        uv=$new/uv/bin/uv
    fi
    cache=$("$uv" cache dir 2>/dev/null) || cache=
    if [ -n "$cache" ] && [ ! -e "$cache" ]; then
        note "uv keeps the packages it downloads in $cache (to undo it: scripts/bootstrap/undo.sh)"
        record folder "$cache"
    fi
    attempt "$uv" venv --relocatable --python "$python" "$new/venv"
    # Compiled once here: Invoke disables Python's bytecode cache, so each start would compile again.
    attempt "$uv" pip install --compile-bytecode --python "$new/venv/bin/python" --require-hashes -r "$locks/dev.txt"
    # Only the wheel's metadata requires Python 3.11; its content is a standalone program.
    attempt "$uv" pip install --python "$new/venv/bin/python" --python-version 3.11 --no-deps \
        --require-hashes -r "$locks/compose.txt"
    attempt "$uv" pip install --python "$new/venv/bin/python" --no-deps --no-build-isolation -e "$root"
    digest "$new/venv/bin/python" >"$new/venv/.stamp"
    rm -rf "$new/old"
    hand_over "$root" "$new/venv"
    if [ -e "$venv" ]; then
        mv "$venv" "$new/old" || fail 1 ".venv belongs to another user, and can't be replaced" "$(ls -ld "$venv")" \
            "make it yours (sudo chown -R $(id -un) '$venv'), and run it again"
    fi
    mv "$new/venv" "$venv"
}

cd "$root"
if is_whole; then
    say ".venv is up to date"
    exit
fi
writable "$root"
writable "$kept"
alone "$kept/venv.lock"
if ! is_whole; then
    rm -f "$log"
    rm -rf "$new"
    note "creating .venv from the lock files"
    make_venv
fi
say ".venv created with $("$venv/bin/python" -V) and the locked packages"
