#!/usr/bin/env bash
# Shared by recipes that download or build: pinned files, archives, cargo and go builds, pinned releases. Sourced by
# `_lib.sh`.
# shellcheck disable=SC2154 # `_lib.sh` sets dvm_root, `_packages.sh` sets dvm_offered

# fetch_pinned URL SHA256 DEST: downloads DEST. A wrong checksum ends the recipe and leaves DEST as it was.
fetch_pinned() {
  local new
  [[ $2 =~ ^[0-9a-f]{64}$ ]] || die "'$2' is not a SHA-256 checksum for $1; write the one that its publisher gives"
  if [ -f "$3" ] && sha256sum --status -c - <<<"$2  $3"; then return 0; fi
  need_program curl curl
  mkdir -p -- "$(dirname -- "$3")"
  new=$(mktemp -- "$3.XXXXXX")
  if ! curl -fsSL --proto '=https' --proto-redir '=https' --tlsv1.2 --retry 3 --connect-timeout 20 --max-time "${dvm_fetch_seconds:-900}" \
    -o "$new" -- "$1"; then
    rm -f -- "$new"
    die "could not download $1; check that the guest can reach it: curl -I '$1'"
  fi
  if ! sha256sum --status -c - <<<"$2  $new"; then
    rm -f -- "$new"
    die "the checksum of $1 is not $2; nothing was installed"
  fi
  mv -f -- "$new" "$3"
}

# need_program COMMAND PACKAGE...: installs the packages if COMMAND is missing.
need_program() {
  local command=$1
  shift
  if have "$command"; then return 0; fi
  pkg_install "$@"
  hash -r
  in_family "$@"
  have "$command" ||
    die "the command $command is missing, although its package ${dvm_names[*]} is installed; reinstall the package"
}

# unpack ARCHIVE NAME FOLDER: unpacks ARCHIVE into FOLDER. The suffix of NAME (often the URL) gives its type.
unpack() {
  local name=${2%%[?#]*}
  case $name in
  *.zip) need_program unzip unzip ;;
  *.tar.xz | *.txz) need_program xz fedora:xz debian:xz-utils ;;
  *.tar.zst | *.tzst) need_program zstd zstd ;;
  *.tar.bz2 | *.tbz | *.tbz2) need_program bzip2 bzip2 ;;
  *.tar.gz | *.tgz) need_program gzip gzip ;;
  esac
  case $name in
  *.zip) unzip -q "$1" -d "$3" ;;
  *) tar -xf "$1" -C "$3" --no-same-owner ;;
  esac || die "could not unpack ${name##*/}: see the output above. If the disk is full, free some space (df -h)"
}

# cargo_install CRATE VERSION RUST COMMAND: builds it into ~/.local/bin. Returns 1 if the distribution's Rust is older
# than RUST.
cargo_install() {
  if [ -x ~/.local/bin/"$4" ] && [[ "$(~/.local/bin/"$4" --version 2>/dev/null)" == *"$2"* ]]; then return 0; fi
  not_in_demo "build \`$1\` with cargo"
  pkg_offered cargo
  if ! at_least "$dvm_offered" "$3"; then
    say "$1 $2 needs Rust $3; this distribution has ${dvm_offered:-none}"
    return 1
  fi
  pkg_install cargo gcc make perl cmake fedora:openssl-devel debian:libssl-dev fedora:pkgconf-pkg-config debian:pkg-config
  say "Building $1 $2 with cargo; this takes several minutes"
  cargo install --locked --quiet --root ~/.local --version "$2" "$1" </dev/null ||
    die "cargo could not build $1 $2: see its output above. Check that the guest can reach https://crates.io"
}

# go_install MODULE VERSION COMMAND: builds it into ~/.local/bin. Returns 1 if the distribution's Go is older than 1.21,
# the first that downloads the Go version a module requires.
go_install() {
  if [ -x ~/.local/bin/"$3" ] && [[ "$(~/.local/bin/"$3" --version 2>/dev/null)" == *"${2#v}"* ]]; then return 0; fi
  not_in_demo "build \`$1\` with go"
  local package=golang
  if [ "$(os_family)" = debian ]; then package=golang-go; fi
  pkg_offered "$package"
  if ! at_least "$dvm_offered" 1.21; then
    say "$1 needs Go 1.21; this distribution has ${dvm_offered:-none}"
    return 1
  fi
  pkg_install "$package"
  say "Building $1 $2 with go; this takes a few minutes"
  GOBIN=~/.local/bin GOTOOLCHAIN=auto go install "$1@$2" </dev/null ||
    die "go could not build $1 $2: see its output above. Check that the guest can reach https://proxy.golang.org"
}

# release_install NAME COMMAND...: installs the pinned release of NAME for this processor, as versions.tsv beside this
# file names it, in /usr/local/lib/dvm/NAME, with links to its commands in /usr/local/bin.
release_install() {
  local name=$1 version sha256 url arch home=$dvm_root/usr/local/lib/dvm/$1 command found work
  shift
  arch=$(uname -m)
  url=$(awk -F '\t' -v OFS='\t' -v name="$name" -v arch="$arch" \
    '$1 == name && $3 == arch { print $2, $4, $5 }' "${DVM_LIB%/*}/versions.tsv" 2>/dev/null) || true
  IFS=$'\t' read -r version sha256 url <<<"$url"
  [ -n "$url" ] || die "dvm has no release of $name for $arch; install it manually, or remove this recipe from the config"
  [[ $sha256 =~ ^[0-9a-f]{64}$ ]] ||
    die "the checksum of $name $version for $arch is $sha256, so it was not installed. In a checkout of dvmweb, run" \
      "'scripts/versions.py fill $name': it writes the checksum that the publisher gives"
  if [ "$(cat "$home/.sha256" 2>/dev/null)" = "$sha256" ] && release_is_linked "$home" "$@"; then return 0; fi
  not_in_demo "download $name $version"
  work=$(mktemp -d) || die "could not create a temporary folder; check the free disk space: df -h /tmp"
  # A subshell: its trap removes the folder also after a failure, and the recipe keeps its own trap.
  (
    trap 'rm -rf -- "$work"' EXIT
    say "Downloading $name $version from $url"
    fetch_pinned "$url" "$sha256" "$work/archive"
    mkdir "$work/tree"
    case $url in
    *.zip | *.tgz | *.txz | *.tar.*) unpack "$work/archive" "$url" "$work/tree" ;;
    *) install -m 755 -- "$work/archive" "$work/tree/$1" ;; # the bare program
    esac
    for command in "$@"; do
      found=$(find "$work/tree" -type f -name "$command" -perm -u+x -print -quit)
      [ -n "$found" ] || die "the archive of $name $version has no program $command; nothing was installed"
    done
    printf '%s\n' "$sha256" >"$work/tree/.sha256"
    root_tree "$work/tree" "$home"
  ) || exit 1
  for command in "$@"; do
    found=$(find "$home" -type f -name "$command" -perm -u+x -print -quit)
    as_root mkdir -p -- "$dvm_root/usr/local/bin"
    as_root ln -sfn -- "$found" "$dvm_root/usr/local/bin/$command"
  done
}

# root_tree FOLDER HOME: replaces HOME with a copy of FOLDER, owned by root and readable by all, in one step.
root_tree() {
  # shellcheck disable=SC2016  # the inner bash expands these
  as_root bash -c 'set -eu; umask 022; mkdir -p -- "${2%/*}"; new=$(mktemp -d -- "${2%/*}/.new.XXXXXX")
    trap "rm -rf -- \"\$new\"" EXIT
    cp -R --no-preserve=mode,ownership -- "$1/." "$new"; (cd "$1"; find . -type f -perm -u+x -print0) |
    (cd "$new"; xargs -0r chmod 755 --); chmod 755 -- "$new"; rm -rf -- "$2"; mv -T -- "$new" "$2"' \
    bash "$1" "$2" || die "could not write $2 as root; check that 'sudo -n true' works and that the disk has free space: df -h"
}

release_is_linked() {
  local home=$1 command
  shift
  for command in "$@"; do
    case $(readlink -- "$dvm_root/usr/local/bin/$command") in "$home"/*) ;; *) return 1 ;; esac
  done
}

# release_remove NAME COMMAND...: removes what release_install made, once the distribution has a package.
release_remove() {
  local home=$dvm_root/usr/local/lib/dvm/$1 command
  shift
  if [ ! -d "$home" ]; then return 0; fi
  for command in "$@"; do
    if release_is_linked "$home" "$command"; then as_root rm -f -- "$dvm_root/usr/local/bin/$command"; fi
  done
  as_root rm -rf -- "$home"
}

# pkg_or_release NAME "PACKAGE..." COMMAND...: installs the distribution's package, or else the pinned release of NAME.
pkg_or_release() {
  local name=$1 packages=()
  read -ra packages <<<"$2"
  shift 2
  if pkg_try "${packages[@]}"; then release_remove "$name" "$@"; else release_install "$name" "$@"; fi
}

# short_name COMMAND DEBIANS: links ~/.local/bin/COMMAND to the name that Debian gives the command.
short_name() {
  local other
  if other=$(command -v "$2") && [ ! -e ~/.local/bin/"$1" ] && ! have "$1"; then
    mkdir -p ~/.local/bin
    ln -sfn -- "$other" ~/.local/bin/"$1"
  fi
}
