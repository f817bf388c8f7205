#!/bin/sh
# Make .venv and install into it, exactly as locked, Bellwire and the extras that are named.
#
#   infra/local/bootstrap.sh             the environment and uv alone      stamp: .venv/.uv
#   infra/local/bootstrap.sh demo        what the demo needs               stamp: .venv/.demo
#   infra/local/bootstrap.sh demo dev …  more of it                        stamp: .venv/.all
#
# Needs Python 3.11 or later. Where Debian keeps `venv` in a package of its own, root gets it installed and
# everybody else is told what to type. Two of these at once take turns. One that was interrupted is made again by the
# next; a .venv that somebody else made is used, and never taken apart.
set -eu
cd "$(dirname "$0")/../.."

trap 'say "interrupted; the next make goes on from here"; exit 130' INT

say() { printf '%s\n' "$*" >&2; }

fits() {
    # Run, not looked up: a version manager's shim may be there without the version.
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
        if fits "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    say "Bellwire needs Python 3.11 or later, and there is none on PATH: sudo apt-get install python3 python3-venv"
    exit 1
}

make_environment() {
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
            say "Python's venv is a package of its own here: sudo apt-get install python$version-venv"
            exit 1
        fi
        say "installing python$version-venv with apt-get"
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -y -qq --no-install-recommends --no-remove "python$version-venv" >/dev/null 2>&1 || {
            apt-get update -qq
            apt-get install -y -qq --no-install-recommends --no-remove "python$version-venv" >/dev/null
        }
    fi
    say "making .venv with $("$python" --version)"
    # What it says when it is interrupted is a page of Python; when it fails, that page is wanted.
    "$python" -m venv .venv >.venv/.making 2>&1 || {
        cat .venv/.making >&2
        exit 1
    }
    rm -f .venv/.making
}

# Python that runs is not enough: it is there before pip is, and who is interrupted in between has no pip.
is_whole() { fits .venv/bin/python && { .venv/bin/uv --version || .venv/bin/python -m pip --version; } >/dev/null 2>&1; }
is_ours() { [ ! -L .venv ] && { [ -e "$mark" ] || [ -z "$(ls -A .venv)" ]; }; }

mark=.venv/.bootstrap
mkdir -p .venv
# The folder itself is the lock.
exec 9<.venv
flock 9

is_whole || {
    is_ours || {
        say "$PWD/.venv was not made by Bellwire and has no Python 3.11 or later with pip: mend it, or move it away"
        exit 1
    }
    touch "$mark"
    rm -f .venv/.uv .venv/.demo .venv/.all
    rm -rf .venv/bin .venv/lib .venv/lib64 .venv/include .venv/pyvenv.cfg
    make_environment
}

# A user without a home: what is downloaded is kept here.
if [ -z "${UV_CACHE_DIR:-}${XDG_CACHE_HOME:-}" ] && [ ! -w "${HOME:-}" ] && [ ! -w "${HOME:-}/.cache" ]; then
    export UV_CACHE_DIR="$PWD/.venv/.uv-cache" PIP_NO_CACHE_DIR=1
fi
# A company's own authority is in the system's store, and uv looks there when it is told to. Not where there is none.
authorities='import os, ssl, sys; p = ssl.get_default_verify_paths(); sys.exit(not (p.cafile or p.capath and os.listdir(p.capath)))'
if .venv/bin/python -c "$authorities" 2>/dev/null; then
    export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"
fi

# One version, each of whose files is known by its hash; everything else comes through it, from uv.lock.
pinned=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' infra/local/uv.txt)
install_uv() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --ignore-installed --require-hashes -r infra/local/uv.txt
}
case "$(.venv/bin/uv --version 2>/dev/null)" in "uv $pinned" | "uv $pinned "*) true ;; *) false ;; esac || {
    say "installing uv into .venv"
    bundle=/etc/ssl/certs/ca-certificates.crt
    # An old pip trusts its own list alone.
    install_uv || { [ -z "${PIP_CERT:-}" ] && [ -r "$bundle" ] && PIP_CERT="$bundle" install_uv; }
}
touch .venv/.uv
[ $# -gt 0 ] || exit 0

say "installing Bellwire and its extras ($*) as locked"
# What is downloaded is shown to a person, not to a log. A slow line is given time.
flags="--quiet"
[ -t 2 ] && flags=""
export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-120}"
for extra in "$@"; do flags="$flags --extra $extra"; done
# --inexact: what another target has installed stays, and so does uv itself.
# --reinstall-package: the compiled fan-out is built anew, for a kept build may be of a checkout that had it.
# shellcheck disable=SC2086
VIRTUAL_ENV="$PWD/.venv" UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never \
    .venv/bin/uv sync --locked --inexact --reinstall-package bellwire --python .venv/bin/python $flags
if [ $# -eq 1 ] && [ "$1" = demo ]; then touch .venv/.demo; else touch .venv/.all; fi
