#!/usr/bin/env bash
# Installs packages of the guest's distribution with dnf or apt. Sourced by `_lib.sh`.
# shellcheck disable=SC2154 # `_lib.sh` sets dvm_root

dvm_apt_is_fresh=""

# os_family: prints fedora or debian, or nothing for another distribution.
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

# pkg_install NAME...: installs the packages that are missing. fedora:NAME or debian:NAME is for that family only.
pkg_install() {
  local family name missing=()
  family=$(os_family)
  in_family "$@"
  for name in "${dvm_names[@]}"; do
    pkg_is_there "$family" "$name" || missing+=("$name")
  done
  if [ "${#missing[@]}" -eq 0 ]; then return 0; fi
  not_in_demo "install \`${missing[*]}\`"
  say "Installing ${missing[*]} from the distribution"
  case $family in
  fedora) dnf_install "${missing[@]}" ;;
  debian) apt_install "${missing[@]}" ;;
  *) die "this guest is not Fedora, Debian or Ubuntu; install manually: ${missing[*]}" ;;
  esac
}

pkg_is_there() {
  # A demo guest uses the programs of the host: a command that exists needs no package.
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
    die "$dnf could not install $*: see its output above. If a mirror failed, sync again, or check the" \
      "network: $dnf repolist -v"
}

apt_install() {
  if [ -z "$dvm_apt_is_fresh" ]; then apt_update; fi
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -q -y -o DPkg::Lock::Timeout=600 \
    -o Acquire::Retries=3 install --no-install-recommends "$@" </dev/null ||
    die "apt-get could not install $*: see its output above. If a mirror failed, sync again, or check the" \
      "network: sudo apt-get update"
}

# A new guest updates its package lists while it boots, and apt-get update cannot wait for that lock.
apt_update() {
  local try said
  for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
    if said=$(as_root apt-get -q -o Acquire::Retries=3 -o APT::Update::Error-Mode=any update </dev/null 2>&1); then
      dvm_apt_is_fresh=1
      return 0
    fi
    case $said in *"Could not get lock"*) ;; *) break ;; esac
    say "apt is locked by another process; waiting (attempt $try of 12)"
    sleep "${dvm_apt_wait:-10}"
  done
  printf '%s\n' "$said" >&2
  die "apt-get could not update its package lists: see its output above. To try again, run 'sudo apt-get update' in the" \
    "guest"
}

# in_family NAME...: sets dvm_names to the names for this guest's family.
in_family() {
  local name family
  family=$(os_family)
  dvm_names=()
  for name in "$@"; do
    case $name in
    "$family":*) dvm_names+=("${name#*:}") ;;
    *:*) ;;
    *) dvm_names+=("$name") ;;
    esac
  done
}

# pkg_try NAME...: like pkg_install, but returns 1 if the distribution lacks one of them, or if none is for this family.
# If the package manager fails, the recipe ends: a failure does not mean that there is no package.
pkg_try() {
  local name missing=()
  in_family "$@"
  if [ "${#dvm_names[@]}" -eq 0 ]; then return 1; fi
  for name in "${dvm_names[@]}"; do
    pkg_is_there "$(os_family)" "$name" || missing+=("$name")
  done
  if [ "${#missing[@]}" -eq 0 ]; then return 0; fi
  not_in_demo "install \`${missing[*]}\`"
  for name in "${missing[@]}"; do
    pkg_offered "$name"
    if [ -z "$dvm_offered" ]; then
      say "This distribution has no package $name"
      return 1
    fi
  done
  pkg_install "${missing[@]}"
}

# pkg_offered NAME: sets dvm_offered to the version that the distribution would install, or to "".
pkg_offered() {
  local dnf=dnf5
  dvm_offered=""
  case $(os_family) in
  fedora)
    have dnf5 || dnf=dnf
    dvm_offered=$(as_root "$dnf" -q repoquery --available --latest-limit=1 --queryformat '%{version}\n' "$1" </dev/null) ||
      die "$dnf could not query its mirrors for $1: see its output above. Sync again, or check the network:" \
        "$dnf repolist -v"
    dvm_offered=${dvm_offered%%$'\n'*}
    ;;
  debian)
    if [ -z "$dvm_apt_is_fresh" ]; then apt_update; fi
    # A virtual package has no version and an unknown name is an error: neither can be installed.
    dvm_offered=$(apt-cache show --no-all-versions "$1" 2>/dev/null |
      sed -n 's/^Version: \([0-9]*:\)\{0,1\}//p' | head -n 1) || true
    ;;
  *) die "this guest is not Fedora, Debian or Ubuntu; install manually: $1" ;;
  esac
}

# at_least VERSION WANTED: succeeds if VERSION is WANTED or newer.
at_least() { [ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
