#!/bin/sh
# Installs the locked Compose as a plugin of the docker client if the machine has none that is new enough.
#
# There is one copy per user, outside of any checkout, so that it outlives the checkouts.
. "$(dirname "$0")/lib.sh"

oldest=2.40 # OLDEST_COMPOSE of the library
plugin=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins/docker-compose
locked=$root/.venv/bin/docker-compose

copied=
linked=
clean_up() { rm -rf ${copied:+"$copied"} ${linked:+"$linked"}; }

version_of() { bounded 20 "$@" version --short 2>/dev/null | sed 's/^v//'; }

# The project's plugin is a link to $store or to a checkout's .venv; anything else is the user's.
is_ours() {
    case $(readlink "$plugin" 2>/dev/null) in
        "$store"/* | */.venv/bin/docker-compose) true ;;
        *) false ;;
    esac
}
is_dangling() { [ -L "$plugin" ] && [ ! -e "$plugin" ]; }

present=
if have docker && ! is_dangling; then
    present=$(version_of docker compose) || present=
    if [ -n "$present" ] && at_least "$present" "$oldest"; then
        say "Compose $present is installed"
        exit
    fi
fi

[ -x "$locked" ] || fail 1 "there is no Compose $oldest or newer" "the locked one comes with .venv, which is missing" \
    "run scripts/bootstrap/venv.sh first"
version=$(version_of "$locked")
[ -n "$version" ] || fail 1 "the locked Compose does not run on this machine" "$("$locked" version 2>&1 | tail -n 1)" \
    "install Docker Compose $oldest or newer for this machine"

if [ -e "$plugin" ] && ! is_ours; then
    say "$plugin is Compose ${present:-that does not answer}, too old for this project ($oldest or newer): it is yours and is kept; \`inv\` uses its own $version, \`docker compose\` does not"
    exit
fi

writable "$HOME"
writable "$store" "$HOME"
if [ "$(cksum <"$locked")" != "$(cksum 2>/dev/null <"$store/docker-compose-$version")" ]; then
    need_space "$store" 100
    record folder "$store"
    copied=$(mktemp "$store/docker-compose.XXXXXX")
    cp "$locked" "$copied"
    chmod 755 "$copied"
    hand_over "$HOME" "$copied"
    mv -f "$copied" "$store/docker-compose-$version"
fi
writable "$(dirname "$plugin")" "$HOME"
record link "$plugin"
linked=$(mktemp -d "$(dirname "$plugin")/.composetasks.XXXXXX")
ln -s "$store/docker-compose-$version" "$linked/docker-compose"
hand_over "$HOME" "$linked/docker-compose"
mv -f "$linked/docker-compose" "$plugin"
before=
[ -z "$present" ] || before=", before the machine's own $present, which is too old (from $oldest)"
say "Compose $version linked as a plugin of the docker client, at $plugin$before"
