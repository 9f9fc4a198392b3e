#!/usr/bin/env bash
# The environment for recipes of bash DVM: variables, helpers, shell options and working folder. bash reads this file
# before such a recipe (BASH_ENV in apply.sh). The recipe can redefine any name, so each helper sources _lib.sh in its
# own subshell.
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

# dvm_agent_write_wrapper COMMAND PROGRAM: writes /usr/local/bin/COMMAND, which runs PROGRAM in the agent sandbox.
dvm_agent_write_wrapper() (
  # shellcheck source-path=SCRIPTDIR source=_lib.sh
  . "$DVM_LIB"
  [ -r "$dvm_recipe_agent" ] || die "$1 needs the recipe agent-user; list agent-user before it in the config"
  agent_wrapper "$1" "$1" "$2" "" "" ""
)

# dvm_recipe_die NAME MESSAGE
dvm_recipe_die() {
  printf 'error: %s: %s\n' "$1" "$2" >&2
  exit 1
}

# dvm_recipe_arch NAME: arm64 or x86_64.
dvm_recipe_arch() {
  case $(uname -m) in
  x86_64 | amd64) echo x86_64 ;;
  aarch64 | arm64) echo arm64 ;;
  *) dvm_recipe_die "$1" "the processor $(uname -m) is not supported" ;;
  esac
}

# dvm_recipe_download_verified URL SHA256 FILE
dvm_recipe_download_verified() (
  # shellcheck source-path=SCRIPTDIR source=_lib.sh
  . "$DVM_LIB"
  not_in_demo "download $1"
  fetch_pinned "$1" "${2,,}" "$3"
)

# Checksums of the programs installed in /usr/local/bin, by name; bash DVM used the same folder.
dvm_recipe_pins=${DVM_ROOT:-}/usr/local/share/dvm/pins

# dvm_recipe_pin_current NAME SHA256 COMMAND: succeeds if this release is installed.
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
  not_in_demo "download $name"
  work=$(mktemp -d) || die "could not create a temporary folder; check the free disk space: df -h /tmp"
  trap 'rm -rf -- "$work"' EXIT
  fetch_pinned "$url" "$sha256" "$work/archive"
  mkdir "$work/tree"
  unpack "$work/archive" "$url" "$work/tree"
  as_root mkdir -p -- "$dvm_root/usr/local/bin"
  for command in "$@"; do
    found=$(find "$work/tree" -type f -name "$command" -print -quit)
    [ -n "$found" ] || die "the archive of $name has no program $command"
    as_root install -m 0755 -- "$found" "$dvm_root/usr/local/bin/$command" ||
      die "could not write /usr/local/bin/$command as root; check that 'sudo -n true' works in the guest"
  done
  dvm_recipe_mark_pin "$name" "$sha256"
)

# dvm_recipe_dnf_or_pinned PACKAGE COMMAND FUNCTION: installs the distribution's package, or else calls FUNCTION.
dvm_recipe_dnf_or_pinned() {
  local code=0
  dvm_recipe_package "$1" "$2" || code=$?
  case $code in
  0) ;;
  3) "$3" ;;
  *) exit "$code" ;; # the package manager failed
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
