#!/bin/sh
# Builds the base image of all others if no registry has it: Debian's packages, installed by debootstrap,
# with this machine's certificate authorities.
#
# Usage: base.sh [hub|airgap]. Prints the source of images on stdout, and determines it if not given.
. "$(dirname "$0")/lib.sh"

tag=${BASE_TAG:-composetasks/base:bookworm}
suite=bookworm
packages=ca-certificates,python3
bundle=/etc/ssl/certs/ca-certificates.crt
authorities=${AUTHORITIES_FOLDER:-/usr/local/share/ca-certificates}
work=
part_tag=

# take_away FOLDER: removes a working folder of this script in $machine. debootstrap mounts these two
# file systems, and unmounts them unless it is killed.
take_away() {
    for mount in "$1/root/proc" "$1/root/sys"; do
        if [ ! -L "$1/root" ] && [ ! -L "$mount" ] && have mountpoint && mountpoint -q "$mount"; then
            umount "$mount" || {
                note "$mount can't be unmounted: $1 is kept"
                return
            }
        fi
    done
    rm -rf --one-file-system "$1"
}

clean_up() {
    [ -z "$work" ] || take_away "$work"
    [ -z "${imported:-}" ] || docker image rm "$part_tag" >/dev/null 2>&1 || :
}

# A digest of the image's inputs: an image counts as complete only if it has this digest as a label.
recipe() {
    {
        echo "$suite $packages $bundle"
        cat "$authorities"/*.crt 2>/dev/null || :
        sed -n '/^make_root()/,/^}/p; /^import_root()/,/^}/p' "$0"
    } | cksum | tr ' ' -
}

is_whole() {
    [ "$(docker image inspect --format '{{index .Config.Labels "composetasks.base"}}' "$tag" 2>/dev/null)" = "$(recipe)" ]
}

make_root() {
    archive=$(debian_archive)
    case $archive in mirror*) archive= ;; esac # debootstrap takes an archive, and no list of mirrors
    # shellcheck disable=SC2086  # no archive, no argument: debootstrap's own default
    quietly debootstrap --variant=minbase --include="$packages" "$suite" "$work/root" $archive || return
    for authority in "$authorities"/*.crt; do
        [ -e "$authority" ] || continue
        cp "$authority" "$work/root/usr/local/share/ca-certificates/"
    done
    quietly chroot "$work/root" update-ca-certificates || return
    rm -rf "$work/root/var/lib/apt/lists" "$work/root/var/cache/apt/archives" "$work"/root/var/log/*.log
    mkdir -p "$work/root/var/lib/apt/lists/partial" "$work/root/var/cache/apt/archives/partial"
}

# An image with this tag is complete: it is imported under another tag first.
import_root() {
    { tar --numeric-owner -C "$work/root" -c . || : >"$work/torn"; } | quietly_with_input docker import \
        --change "LABEL composetasks.base=$(recipe)" \
        --change "ENV PIP_CERT=$bundle" --change "ENV SSL_CERT_FILE=$bundle" --change "ENV REQUESTS_CA_BUNDLE=$bundle" \
        --change 'CMD ["bash"]' - "$part_tag" || return
    imported=yes
    [ ! -e "$work/torn" ] || return
    docker tag "$part_tag" "$tag"
}
quietly_with_input() { "$@" >>"$log" 2>&1; }

source=${1:-$(python_part source)}
if [ "$source" != airgap ]; then
    echo "$source"
    exit
fi
if is_whole; then
    say "$tag exists"
    echo "$source"
    exit
fi
bounded 20 docker version >/dev/null 2>&1 || fail 5 "no engine answers that could load the image" "" "run scripts/bootstrap/engine.sh first"
# sudo loses this user's selection of another engine than the machine's own (a rootless one, a context).
with_engine() {
    host=$(bounded 20 docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null) || host=
    case $host in "" | unix:///var/run/docker.sock) ;; *) echo "env DOCKER_HOST=$host " ;; esac
}
is_root || fail 1 "the base image can't be built by this user" "debootstrap needs root" \
    "run \`sudo $(with_engine)scripts/bootstrap/base.sh airgap\` once, or bring debian:bookworm-slim here (docker load) and set IMAGE_SOURCE=hub"
writable "$kept"
rm -f "$log"
alone_on_machine
if is_whole; then
    say "$tag exists, built by another run"
    echo "$source"
    exit
fi
umask 022 # the files in the image have the usual modes
if ! have debootstrap; then
    debian_family || fail 1 "the base image can't be built: debootstrap is missing" "" \
        "install debootstrap, or bring debian:bookworm-slim here (docker load) and set IMAGE_SOURCE=hub"
    apt_install "the base image" debootstrap debian-archive-keyring ||
        fail 1 "apt-get could not install debootstrap" "$(last_words)" "see $log, then run it again"
fi
need_space "$machine" 800
# Left by killed runs: while this run holds the lock, no other run is active.
if have flock; then
    for left in "$machine"/base.*; do
        [ ! -d "$left" ] || take_away "$left"
    done
fi
work=$(mktemp -d "$machine/base.XXXXXX") || fail 1 "no working folder can be created" "" "check $machine"
part_tag=$tag-part-${work##*.}
note "building $tag from Debian's packages in $work (removed at the end), which takes a minute or two"
make_root || fail 1 "the base image could not be built from Debian's packages" "$(last_words)" \
    "check the network and the machine's apt sources, then run it again; the whole log: $log"
record image "$tag"
import_root || fail 1 "the engine did not accept the base image" "$(last_words)" "see $log; is its disk full? then run it again"
say "$tag built from Debian's packages"
echo "$source"
