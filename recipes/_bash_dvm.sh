#!/usr/bin/env bash
# What a recipe made for bash DVM finds there: its variables, its helpers, its settings and its folder. bash reads this
# before such a recipe (BASH_ENV in _apply.sh). The recipe may give any name another meaning, so each helper asks
# _lib.sh in a subshell of its own.
unset BASH_ENV # not for the programs that the recipe starts
set -euo pipefail
cd ~ # where bash DVM ran it

: "${DVM_INSTANCE:=dvm-app}"
export DVM_NAME=${DVM_INSTANCE#dvm-} DVM_USER DVM_ARCH
DVM_USER=$(id -un)
DVM_ARCH=$(uname -m)
export DVM_CODE_ROOT=${DVM_CODE_ROOT:-$HOME/code} DVM_AI_AGENT_USER=${DVM_AI_AGENT_USER:-dvm-agent}
dvm_recipe_agent=${DVM_ROOT:-}/usr/local/lib/dvm/agent/setting # written by agent-user
if [ -r "$dvm_recipe_agent" ]; then read -r DVM_AI_AGENT_USER _ <"$dvm_recipe_agent"; fi

# dvm_agent_write_wrapper COMMAND PROGRAM: /usr/local/bin/COMMAND runs PROGRAM behind the wall of agent-user.
dvm_agent_write_wrapper() (
  # shellcheck source-path=SCRIPTDIR source=_lib.sh
  . "$DVM_LIB"
  [ -r "$dvm_recipe_agent" ] || die "$1 needs agent-user before it; name agent-user before it in the config"
  agent_wrapper "$1" "$1" "$2" "" "" ""
)

# dvm_recipe_die NAME WORDS
dvm_recipe_die() {
  printf 'error: %s: %s\n' "$1" "$2" >&2
  exit 1
}

# dvm_recipe_arch NAME: arm64 or x86_64.
dvm_recipe_arch() {
  case $(uname -m) in
  x86_64 | amd64) echo x86_64 ;;
  aarch64 | arm64) echo arm64 ;;
  *) dvm_recipe_die "$1" "there is nothing for the processor $(uname -m)" ;;
  esac
}

# dvm_recipe_download_verified URL SHA256 FILE
dvm_recipe_download_verified() (
  # shellcheck source-path=SCRIPTDIR source=_lib.sh
  . "$DVM_LIB"
  not_in_demo "download of $1"
  fetch_pinned "$1" "${2,,}" "$3"
)

# The checksum of what was put into /usr/local/bin, by name; bash DVM kept it in the same place.
dvm_recipe_pins=${DVM_ROOT:-}/usr/local/share/dvm/pins

# dvm_recipe_pin_current NAME SHA256 COMMAND: is that very release in place?
dvm_recipe_pin_current() {
  command -v "$3" >/dev/null && [ "$(cat "$dvm_recipe_pins/$1.sha256" 2>/dev/null)" = "$2" ]
}

# dvm_recipe_mark_pin NAME SHA256
dvm_recipe_mark_pin() (
  # shellcheck source-path=SCRIPTDIR source=_lib.sh
  . "$DVM_LIB"
  root_record "$dvm_recipe_pins/$1.sha256" "$2"
)

# dvm_recipe_install_tar_bin NAME URL SHA256 COMMAND
dvm_recipe_install_tar_bin() { dvm_recipe_install_bins "$@"; }

# dvm_recipe_install_zip_bins NAME URL SHA256 COMMAND...
dvm_recipe_install_zip_bins() { dvm_recipe_install_bins "$@"; }

dvm_recipe_install_bins() (
  name=$1 url=$2 sha256=${3,,}
  shift 3
  if dvm_recipe_pin_current "$name" "$sha256" "$1"; then exit 0; fi
  # shellcheck source-path=SCRIPTDIR source=_lib.sh
  . "$DVM_LIB"
  not_in_demo "download of $name"
  work=$(mktemp -d) || die "could not make a temporary folder; see that the disk has room: df -h /tmp"
  trap 'rm -rf -- "$work"' EXIT
  fetch_pinned "$url" "$sha256" "$work/archive"
  mkdir "$work/tree"
  case $url in
  *.zip) pkg_install unzip && unzip -q "$work/archive" -d "$work/tree" ;;
  *) tar -xf "$work/archive" -C "$work/tree" --no-same-owner ;;
  esac || die "the archive of $name could not be unpacked; see that the disk has room: df -h"
  as_root mkdir -p -- "$dvm_root/usr/local/bin"
  for command in "$@"; do
    found=$(find "$work/tree" -type f -name "$command" -print -quit)
    [ -n "$found" ] || die "the archive of $name holds no program $command"
    as_root install -m 0755 -- "$found" "$dvm_root/usr/local/bin/$command" ||
      die "could not write /usr/local/bin/$command as root; see that 'sudo -n true' works in the guest"
  done
  dvm_recipe_mark_pin "$name" "$sha256"
)

# dvm_recipe_dnf_or_pinned PACKAGE COMMAND FUNCTION: the distribution's package, else what FUNCTION does.
dvm_recipe_dnf_or_pinned() {
  local code=0
  dvm_recipe_package "$1" "$2" || code=$?
  case $code in
  0) ;;
  3) "$3" ;;
  *) exit "$code" ;; # a mirror that fails is no answer
  esac
}

dvm_recipe_package() (
  # shellcheck source-path=SCRIPTDIR source=_lib.sh
  . "$DVM_LIB"
  pkg_try "$1" || exit 3
  pin=$dvm_recipe_pins/$1.sha256
  if [ -e "$pin" ]; then
    as_root rm -f -- "$dvm_root/usr/local/bin/$2" "$pin" || die "could not remove the older $2 from /usr/local/bin"
  fi
  have "$2" || exit 3
)
