#!/usr/bin/env bash
# Make what the Makefile's targets need, from nothing, and say nothing when it is there already.
#
#   scripts/setup.sh            .venv in this repository, with the tested set of constraints.txt
#   scripts/setup.sh lab        the JupyterLab extension, built by Node and linked into .venv; the notebook's widget
#   scripts/setup.sh system     the Debian packages that the tests need: a real Slurm, sshd, Chromium, Java (root only; else says what is
#                               missing), and the jars of a real YARN
#   scripts/setup.sh accounting   those of `make test-accounting`: slurmdbd and a MariaDB
#
# STEWARD_PYTHON=3.12 (or a path) chooses the interpreter, STEWARD_NO_UV=1 keeps to venv + pip.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
repo=$PWD
venv=.venv
stamp=$venv/.steward-setup
# The JupyterLab half as it is built, and where JupyterLab looks for it.
built=magics/dask_steward/labextension
linked=$venv/share/jupyter/labextensions/dask-steward

say() { printf 'setup: %s\n' "$*" >&2; }
shout() { printf '\n**** setup: %s\n\n' "$*" >&2; }

apt_install() {
    # Update the lists only when they are empty or too old to serve the packages: a minute saved on each run.
    local log
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    if apt-get install -y --no-install-recommends "$@" >"$log" 2>&1 ||
        { apt-get update >"$log" 2>&1 && apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1; }; then
        rm -f "$log"
    else
        tail -n 20 "$log" >&2
        rm -f "$log"
        return 1
    fi
}

without_daemons() {
    # Run a command; a package that it installs starts nothing: what the tests need must not serve anybody.
    local policy=/usr/sbin/policy-rc.d status=0
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    "$@" || status=$?
    rm -f "$policy"
    return "$status"
}

has() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }

install_missing() {
    # Arguments: program:package. Installs the packages whose program is not there.
    local missing=() pair
    for pair in "$@"; do
        has "${pair%%:*}" || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" = 0 ] && has apt-get; then
        say "installing ${missing[*]}"
        without_daemons apt_install "${missing[@]}" || shout "could not install ${missing[*]}; tests that need them cannot run"
    else
        shout "missing Debian packages: ${missing[*]}
     Tests on a real Slurm or sshd cannot run without them. As root:
     apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    fi
}

setup_system() {
    local had_sshd=yes
    has sshd || had_sshd=no
    install_missing slurmctld:slurmctld slurmd:slurmd sbatch:slurm-client munged:munge ip:iproute2 \
        sshd:openssh-server ssh:openssh-client
    # Nor is a port opened at the next boot that was closed before.
    if [ "$had_sshd" = no ] && [ "$(id -u)" = 0 ] && has systemctl; then
        systemctl disable --quiet ssh.service ssh.socket 2>/dev/null || true
    fi
    # The browser without a window of its own: small, and quick where there is no display.
    has chromium || install_missing chromium-headless-shell:chromium-headless-shell
    # Without a font of its own a page is drawn with boxes.
    [ -d /usr/share/fonts/truetype/dejavu ] || install_missing no-program:fonts-dejavu-core
    # Hadoop and skein do not run on every Java, so another one will not do.
    compgen -G '/usr/lib/jvm/*-17-*/bin/java' >/dev/null || install_missing no-program:openjdk-17-jdk-headless
    install_missing mvn:maven
    fetch_yarn || shout "no jars of YARN in .cache/yarn/lib; tests on a real YARN cannot run"
}

fetch_yarn() {
    # A ResourceManager and NodeManagers without a Hadoop distribution. Once: this folder stays until the list changes.
    local lib=.cache/yarn/lib pom=tests/support/yarn-pom.xml want log=.cache/yarn/mvn.log
    want=$(sha256sum <"$pom")
    [ -e $lib/.complete ] && [ "$(cat $lib/.complete)" = "$want" ] && return 0
    has mvn || return 1
    say "fetching the jars of YARN into $lib"
    rm -rf $lib
    mkdir -p $lib
    mvn -B -q -Dstyle.color=never -f $pom dependency:copy-dependencies -DoutputDirectory="$repo/$lib" >$log 2>&1 ||
        { tail -n 20 $log >&2; return 1; }
    printf '%s' "$want" >$lib/.complete
}

setup_accounting() {
    # The database's plugin brings no program by which it could be found.
    local plugin=slurmdbd
    compgen -G '/usr/lib/*/slurm*/accounting_storage_mysql.so' >/dev/null || plugin=no-program
    install_missing slurmdbd:slurmdbd "$plugin:slurm-wlm-mysql-plugin" mariadbd:mariadb-server
}

choose_python() {
    # The interpreter for venv + pip and for the private uv; uv itself knows more places to look.
    local candidate
    for candidate in "${STEWARD_PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.10; do
        [ -n "$candidate" ] || continue
        case $candidate in [0-9]*) candidate=python$candidate ;; esac
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

make_venv_module_work() {
    # Debian ships venv without ensurepip unless python3-venv is installed.
    "$1" -c 'import venv, ensurepip' 2>/dev/null && return 0
    if [ "$(id -u)" = 0 ] && has apt-get; then
        say "installing python3-venv"
        apt_install python3-venv && "$1" -c 'import venv, ensurepip' 2>/dev/null && return 0
    fi
    shout "$1 cannot make environments (no ensurepip). On Debian, as root: apt-get install -y python3-venv; or install uv."
    return 1
}

find_uv() {
    [ -z "${STEWARD_NO_UV:-}" ] || return 1
    if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
        command -v uv
        return 0
    fi
    local private=$repo/.cache/uv-venv python
    if ! "$private/bin/python" -m uv --version >/dev/null 2>&1; then
        python=$(choose_python) && make_venv_module_work "$python" || return 1
        say "no uv on PATH: a private one in .cache"
        rm -rf "$private"
        "$python" -m venv "$private" && "$private/bin/python" -m pip install --quiet uv >&2 || return 1
    fi
    printf '%s\n' "$private/bin/uv"
}

fingerprint() {
    # The path is part of it: scripts and the editable install of an environment hold absolute paths.
    { printf '%s\n' "$repo" "${STEWARD_PYTHON:-}"; cat pyproject.toml package.json constraints.txt scripts/setup.sh; } |
        sha256sum | cut -d' ' -f1
}

venv_is_ours() {
    # Not merely there: runnable, and made at this very path (a copied or moved clone brings another one's along).
    [ "$("$venv/bin/python" -c 'import os, sys; print(os.path.realpath(sys.prefix))' 2>/dev/null)" = "$(realpath "$venv")" ] &&
        { [ ! -e "$stamp.path" ] || [ "$(cat "$stamp.path")" = "$repo" ]; }
}

with_uv() {
    [ -d "$venv" ] || "$1" venv --quiet --python "${STEWARD_PYTHON:->=3.10,<3.14}" "$venv" || return 1
    say "installing the tested set into $venv (uv)"
    SKIP_JUPYTER_BUILDER=1 "$1" pip install --quiet --python "$venv/bin/python" --constraint constraints.txt --editable '.[test,docs]'
}

with_pip() {
    local python
    python=$(choose_python) || { shout "no Python 3.10 to 3.13 found"; exit 1; }
    make_venv_module_work "$python"
    # One that uv made holds no pip.
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || { rm -rf "$venv" && "$python" -m venv "$venv"; }
    say "installing the tested set into $venv (pip, which takes a few minutes)"
    SKIP_JUPYTER_BUILDER=1 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,docs]'
}

setup_python() {
    local want uv
    want=$(fingerprint)
    if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && venv_is_ours; then
        return 0
    fi
    # A home that is not there, or cannot be written, must not matter.
    local cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
    if [ -z "$cache" ] || ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then
        export XDG_CACHE_HOME=$repo/.cache
    fi
    venv_is_ours || rm -rf "$venv"
    # An editable install wants the folder of the JupyterLab half, which `setup.sh lab` fills.
    mkdir -p .cache $built
    # Through the link that `setup.sh lab` has made it would write into that very folder, and fail the next time.
    rm -rf "$linked" $built/install.json
    if ! { uv=$(find_uv) && with_uv "$uv"; }; then
        with_pip
    fi
    printf '%s' "$repo" >"$stamp.path"
    printf '%s' "$want" >"$stamp"
}

node_is_new_enough() {
    has node && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1)'
}

lab_fingerprint() {
    { cat "$stamp.path" package.json yarn.lock .yarnrc.yml tsconfig.json
      find labextension -type f -not -path 'labextension/lib/*' -print0 | LC_ALL=C sort -z | xargs -0 cat; } |
        sha256sum | cut -d' ' -f1
}

install_node_modules() {
    local want
    want=$(cat package.json yarn.lock .yarnrc.yml | sha256sum | cut -d' ' -f1)
    [ -e node_modules/.steward-setup ] && [ "$(cat node_modules/.steward-setup)" = "$want" ] && return 0
    say "installing node_modules"
    local log=.cache/jlpm.log
    # Some sites mirror npm's registry only: yarn's own default does not answer there.
    "$repo/$venv/bin/jlpm" install --immutable >"$log" 2>&1 ||
        YARN_NPM_REGISTRY_SERVER=$(npm config get registry 2>/dev/null) "$repo/$venv/bin/jlpm" install --immutable >>"$log" 2>&1 ||
        { tail -n 20 "$log" >&2; return 1; }
    printf '%s' "$want" >node_modules/.steward-setup
}

link_lab() {
    # A link, so that what is built anew is there at once (an editable install has copied what was there then).
    [ -L "$linked" ] && return 0
    rm -rf "$linked"
    mkdir -p "$(dirname "$linked")"
    ln -s "$repo/$built" "$linked"
}

setup_lab() {
    local want
    if ! node_is_new_enough; then
        shout "the JupyterLab extension cannot be built: Node 20.19, or 22.12 and newer, is not on PATH"
        return 0
    fi
    install_node_modules
    want=$(lab_fingerprint)
    if [ -e .cache/lab-built ] && [ "$(cat .cache/lab-built)" = "$want" ] && [ -e $built/package.json ] &&
        [ -e magics/dask_steward/widgets/static/widget.js ]; then
        link_lab
        return 0
    fi
    say "building the JupyterLab extension and the notebook's widget"
    PATH=$repo/$venv/bin:$PATH jlpm build:prod >.cache/lab-build.log 2>&1 || { tail -n 40 .cache/lab-build.log >&2; return 1; }
    link_lab
    printf '%s' "$want" >.cache/lab-built
}

# Two targets at once must not both build the environment.
mkdir -p .cache
if command -v flock >/dev/null; then
    exec 8>.cache/setup.lock
    flock 8
fi
case ${1:-python} in
python) setup_python ;;
lab) setup_lab ;;
system) setup_system ;;
accounting) setup_accounting ;;
*) say "unknown argument $1"; exit 2 ;;
esac
