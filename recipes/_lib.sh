#!/usr/bin/env bash
# What recipes share. A recipe begins with `set -euo pipefail` and `. "$DVM_LIB"`.

dvm_root=${DVM_ROOT:-} # only tests set it: the folder that holds their etc and var
dvm_apt_is_fresh=""

say() { printf '%s\n' "$*"; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

is_demo() { [ -e "$dvm_root/etc/dvm-demo" ]; }

# not_in_demo WHAT: the demo cannot do WHAT, so the recipe ends there with 69, "not run here".
not_in_demo() {
  is_demo || return 0
  say "not run in the demo: $*"
  exit 69
}

as_root() {
  if [ "$EUID" -eq 0 ]; then
    "$@"
  else
    have sudo || die "sudo is missing in this guest; install it as root: 'dnf5 install sudo' or 'apt-get install sudo'"
    sudo -n "$@"
  fi
}

# root_record FILE LINE: FILE, root's and readable by all, holds LINE; old or new, never half.
root_record() {
  # shellcheck disable=SC2016  # the inner bash expands these
  as_root bash -c 'set -eu; umask 022; mkdir -p -- "${1%/*}"; new=$(mktemp -- "${1%/*}/.new.XXXXXX")
    printf "%s\n" "$2" >"$new"; chmod 644 -- "$new"; mv -fT -- "$new" "$1"' bash "$@" ||
    die "could not write $1 as root; see that 'sudo -n true' works in the guest"
}

# ensure_line FILE LINE: LINE stands in FILE as a line of its own.
ensure_line() {
  if [ -e "$1" ] && grep -qxF -e "$2" -- "$1"; then return 0; fi
  mkdir -p -- "$(dirname -- "$1")"
  if [ -s "$1" ] && [ -n "$(tail -c 1 -- "$1")" ]; then printf '\n' >>"$1"; fi
  printf '%s\n' "$2" >>"$1"
}

# fetch_pinned URL SHA256 DEST: DEST is the file of that checksum, or is not touched.
fetch_pinned() {
  local new
  [[ $2 =~ ^[0-9a-f]{64}$ ]] || die "the checksum of $1 is '$2'; put the sha256 that its makers publish beside the URL"
  if [ -f "$3" ] && sha256sum --status -c - <<<"$2  $3"; then return 0; fi
  mkdir -p -- "$(dirname -- "$3")"
  new=$(mktemp -- "$3.XXXXXX")
  if ! curl -fsSL --proto '=https' --proto-redir '=https' --tlsv1.2 --retry 3 --connect-timeout 20 --max-time 900 \
    -o "$new" -- "$1"; then
    rm -f -- "$new"
    die "could not download $1; see that the guest reaches it: curl -I '$1'"
  fi
  if ! sha256sum --status -c - <<<"$2  $new"; then
    rm -f -- "$new"
    die "the download of $1 has another checksum than $2; nothing was installed"
  fi
  mv -f -- "$new" "$3"
}

# os_family: prints fedora or debian, or nothing for another system.
os_family() {
  local ID="" ID_LIKE="" word
  # shellcheck disable=SC1091
  if [ -r "$dvm_root/etc/os-release" ]; then . "$dvm_root/etc/os-release"; fi
  for word in $ID $ID_LIKE; do
    case $word in
    fedora | rhel | centos) echo fedora && return ;;
    debian | ubuntu) echo debian && return ;;
    esac
  done
}

# pkg_install NAME...: installs what is missing. NAME counts for both families, fedora:NAME or debian:NAME for one.
pkg_install() {
  local family name missing=()
  family=$(os_family)
  for name in "$@"; do
    case $name in
    "$family":*) name=${name#*:} ;;
    *:*) continue ;;
    esac
    pkg_is_there "$family" "$name" || missing+=("$name")
  done
  if [ "${#missing[@]}" -eq 0 ]; then return 0; fi
  not_in_demo "package install of ${missing[*]}"
  say "installing ${missing[*]}"
  case $family in
  fedora) dnf_install "${missing[@]}" ;;
  debian) apt_install "${missing[@]}" ;;
  *) die "this guest is neither Fedora nor Debian or Ubuntu; install by hand: ${missing[*]}" ;;
  esac
}

pkg_is_there() {
  # The demo borrows its programs from the host: one that runs needs no package.
  if is_demo && have "$2"; then return 0; fi
  case $1 in
  fedora) rpm -q --whatprovides -- "$2" >/dev/null 2>&1 ;;
  debian) [ "$(dpkg-query -W -f '${db:Status-Status}' -- "$2" 2>/dev/null)" = installed ] ;;
  *) return 1 ;;
  esac
}

dnf_install() {
  local dnf=dnf5
  have dnf5 || dnf=dnf
  as_root "$dnf" install -y --setopt=install_weak_deps=False "$@" </dev/null ||
    die "$dnf could not install $*: its own words stand above. If a mirror failed, run the sync again" \
      "or see what the guest reaches: $dnf repolist -v"
}

apt_install() {
  if [ -z "$dvm_apt_is_fresh" ]; then apt_update; fi
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -q -y -o DPkg::Lock::Timeout=600 \
    -o Acquire::Retries=3 install --no-install-recommends "$@" </dev/null ||
    die "apt-get could not install $*: its own words stand above. If a mirror failed, run the sync again" \
      "or see what the guest reaches: sudo apt-get update"
}

# A new guest updates its own lists while it boots, and this lock knows no waiting.
apt_update() {
  local try said
  for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
    if said=$(as_root apt-get -q -o Acquire::Retries=3 -o APT::Update::Error-Mode=any update </dev/null 2>&1); then
      dvm_apt_is_fresh=1
      return 0
    fi
    case $said in *"Could not get lock"*) ;; *) break ;; esac
    say "apt is busy, trying again ($try of 12)"
    sleep "${dvm_apt_wait:-10}"
  done
  printf '%s\n' "$said" >&2
  die "apt-get could not read its package lists: its own words stand above; run 'sudo apt-get update' in the guest"
}
