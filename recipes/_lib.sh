#!/usr/bin/env bash
# The library for recipes. A recipe begins with `set -euo pipefail` and `. "$DVM_LIB"`.

dvm_root=${DVM_ROOT:-} # set only by tests: the folder that stands for /
dvm_parts=${BASH_SOURCE[0]%/*}
# shellcheck source-path=SCRIPTDIR source=_packages.sh
. "$dvm_parts/_packages.sh"
# shellcheck source-path=SCRIPTDIR source=_downloads.sh
. "$dvm_parts/_downloads.sh"
# shellcheck source-path=SCRIPTDIR source=_services.sh
. "$dvm_parts/_services.sh"
# shellcheck source-path=SCRIPTDIR source=_agents.sh
. "$dvm_parts/_agents.sh"

say() { printf '%s\n' "$*"; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

is_demo() { [ -e "$dvm_root/etc/dvm-demo" ]; }

# not_in_demo ACTION: in the demo, prints what the recipe would do (ACTION is a verb phrase) and ends it with 69,
# "skipped".
not_in_demo() {
  is_demo || return 0
  say "Skipped in the demo: would $*"
  exit 69
}

# as_root COMMAND...: runs it as root. Our scripts run with umask 077, but what root installs must be readable by all.
as_root() {
  if [ "$EUID" -eq 0 ]; then
    (umask 022 && "$@")
  else
    have sudo || die "sudo is not installed in this guest; as root, run 'dnf5 install sudo' or 'apt-get install sudo'"
    (umask 022 && sudo -n "$@")
  fi
}

# root_record FILE TEXT: writes FILE, owned by root and readable by all, in one step.
root_record() {
  # shellcheck disable=SC2016  # the inner bash expands these
  as_root bash -c 'set -eu; umask 022; mkdir -p -- "${1%/*}"; new=$(mktemp -- "${1%/*}/.new.XXXXXX")
    printf "%s\n" "$2" >"$new"; chmod 644 -- "$new"; mv -fT -- "$new" "$1"' bash "$@" ||
    die "could not write $1 as root; check that 'sudo -n true' works in the guest"
}

# guest_name: prints the host name of this VM in the network of all VMs.
guest_name() { printf 'lima-%s.internal' "$DVM_INSTANCE"; }

# root_file FILE MODE: writes stdin to FILE, owned by root, in one step. The content never appears on a command line. Sets
# dvm_changed if the content or mode differs.
dvm_changed=""
root_file() {
  local code=0
  # shellcheck disable=SC2016  # the inner bash expands these
  as_root bash -c 'set -eu; umask 022; mkdir -p -- "${1%/*}"; new=$(mktemp -- "${1%/*}/.new.XXXXXX")
    trap "rm -f -- \"\$new\"" EXIT; cat >"$new"; chmod -- "$2" "$new"
    if [ "$(stat -c %a -- "$1" 2>/dev/null)" = "$2" ] && cmp -s -- "$new" "$1"; then exit 0; fi
    mv -fT -- "$new" "$1"; trap - EXIT; exit 9' bash "$@" || code=$?
  case $code in
  0) ;;
  9) dvm_changed=1 ;;
  *) die "could not write $1 as root; check that 'sudo -n true' works in the guest" ;;
  esac
}

# need_kept NAME FILE KEPT: succeeds if the secret NAME was given now (in FILE) or stored by an earlier run (in KEPT).
# Otherwise it ends the recipe with 76, and dvm asks for the secret.
need_kept() {
  if [ -n "$2" ] && [ -s "$2" ]; then return 0; fi
  if as_root test -s "$3"; then return 0; fi
  printf 'error: this recipe needs the secret %s, and none is stored in the guest\n' "$1" >&2
  exit 76
}

# ensure_line FILE LINE: appends LINE to FILE if it is missing.
ensure_line() {
  if [ -e "$1" ] && grep -qxF -e "$2" -- "$1"; then return 0; fi
  mkdir -p -- "$(dirname -- "$1")"
  if [ -s "$1" ] && [ -n "$(tail -c 1 -- "$1")" ]; then printf '\n' >>"$1"; fi
  printf '%s\n' "$2" >>"$1"
}
