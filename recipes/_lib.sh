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

# as_root COMMAND...: a script of ours runs with umask 077, and what root installs is for all.
as_root() {
  if [ "$EUID" -eq 0 ]; then
    (umask 022 && "$@")
  else
    have sudo || die "sudo is missing in this guest; install it as root: 'dnf5 install sudo' or 'apt-get install sudo'"
    (umask 022 && sudo -n "$@")
  fi
}

# root_record FILE LINE: FILE, root's and readable by all, holds LINE; old or new, never half.
root_record() {
  # shellcheck disable=SC2016  # the inner bash expands these
  as_root bash -c 'set -eu; umask 022; mkdir -p -- "${1%/*}"; new=$(mktemp -- "${1%/*}/.new.XXXXXX")
    printf "%s\n" "$2" >"$new"; chmod 644 -- "$new"; mv -fT -- "$new" "$1"' bash "$@" ||
    die "could not write $1 as root; see that 'sudo -n true' works in the guest"
}

# guest_name: prints the name by which other VMs reach this one.
guest_name() { printf 'lima-%s.internal' "$DVM_INSTANCE"; }

# root_file FILE MODE: FILE, root's and of that mode, holds what comes on stdin, which no command line ever shows; old or
# new, never half. dvm_changed says that one of these files was another before.
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
  *) die "could not write $1 as root; see that 'sudo -n true' works in the guest" ;;
  esac
}

# service_unit NAME COMMAND [LINE...]: the systemd unit of a service that can write nothing and see no home; LINEs change
# that. A secret comes to it by LoadCredential, never in COMMAND.
service_unit() {
  local name=$1 command=$2
  shift 2
  root_file "$dvm_root/etc/systemd/system/$name.service" 644 <<END
# Written by dvm: what is changed here goes with the next run of its recipe.
[Unit]
Description=$name, set up by dvm
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=$command
DynamicUser=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
PrivateTmp=yes
PrivateDevices=yes
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
UMask=0077
Restart=on-failure
RestartSec=5
$(printf '%s\n' "$@")

[Install]
WantedBy=multi-user.target
END
}

# service_up UNIT: the systemd unit runs now and after each boot; anew where one of its files has changed.
service_up() {
  local name=${DVM_INSTANCE:-}
  if ! as_root systemctl daemon-reload || ! as_root systemctl enable --quiet "$1"; then
    die "systemd did not take the unit $1: its own words stand above"
  fi
  if [ -n "$dvm_changed" ] || ! systemctl is-active --quiet "$1"; then
    as_root systemctl restart "$1" || die "the service $1 did not start; why: dvm log ${name#dvm-} $1"
  fi
}

# service_answers UNIT URL SECONDS: waits until the service answers there; it ends the recipe when it does not. The command
# UNIT-health, the probe, asks the same.
service_answers() {
  local health=$dvm_root/usr/local/bin/$1-health name=${DVM_INSTANCE:-} try
  root_file "$health" 755 <<END
#!/bin/sh
# Written by dvm: does the service answer?
systemctl is-active --quiet $1 && exec curl -fsS --noproxy '*' --max-time 5 -o /dev/null -- $2
END
  for ((try = 0; try < $3; try++)); do
    if "$health" 2>/dev/null; then return 0; fi
    systemctl is-active --quiet "$1" || die "the service $1 has ended; why: dvm log ${name#dvm-} $1"
    sleep "${dvm_service_wait:-1}"
  done
  die "the service $1 runs and does not answer at $2; why: dvm log ${name#dvm-} $1"
}

# funnel_check FILE WANTED: FILE, a command, prints where Tailscale's Funnel leads, or off; 3 when it is not WANTED, and
# nothing with another code when tailscaled does not tell.
funnel_check() {
  root_file "$1" 755 <<END
#!/usr/bin/env python3
# Written by dvm: prints where Funnel leads, or off; 0 when that is what the config says.
import json, subprocess, sys

def leads(config):
    for part in (config, *(config.get("Foreground") or {}).values()):
        for at in (at for at, is_open in (part.get("AllowFunnel") or {}).items() if is_open):
            handlers = ((part.get("Web") or {}).get(at) or {}).get("Handlers") or {"": {}}
            yield from (one.get("Proxy") or "something else" for one in handlers.values())

said = subprocess.run(["tailscale", "funnel", "status", "--json"], stdout=subprocess.PIPE, check=True, timeout=9).stdout
now = " and ".join(sorted(set(leads(json.loads(said) or {})))) or "off"
print(now)
sys.exit(0 if now == "$2" else 3)
END
}

# need_kept NAME FILE KEPT: the secret NAME was given (it lies in FILE), or an earlier run has put it into KEPT.
# Else the recipe ends with 76, by which dvm knows that it has to ask for it.
need_kept() {
  if [ -n "$2" ] && [ -s "$2" ]; then return 0; fi
  if as_root test -s "$3"; then return 0; fi
  printf 'error: this recipe needs the secret %s, and the guest keeps none\n' "$1" >&2
  exit 76
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
  if ! curl -fsSL --proto '=https' --proto-redir '=https' --tlsv1.2 --retry 3 --connect-timeout 20 --max-time "${dvm_fetch_seconds:-900}" \
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
  in_family "$@"
  for name in "${dvm_names[@]}"; do
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

# in_family NAME...: fills dvm_names with the names that count for this guest's family.
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

# pkg_try NAME...: like pkg_install, but 1 where the distribution does not offer one of them, or where none counts for
# it. It ends the recipe when the distribution could not be asked: that is no answer.
pkg_try() {
  local name missing=()
  in_family "$@"
  if [ "${#dvm_names[@]}" -eq 0 ]; then return 1; fi
  for name in "${dvm_names[@]}"; do
    pkg_is_there "$(os_family)" "$name" || missing+=("$name")
  done
  if [ "${#missing[@]}" -eq 0 ]; then return 0; fi
  not_in_demo "package install of ${missing[*]}"
  for name in "${missing[@]}"; do
    pkg_offered "$name"
    if [ -z "$dvm_offered" ]; then
      say "this distribution has no package $name"
      return 1
    fi
  done
  pkg_install "${missing[@]}"
}

# pkg_offered NAME: dvm_offered is the version that the distribution would install, or empty.
pkg_offered() {
  local dnf=dnf5
  dvm_offered=""
  case $(os_family) in
  fedora)
    have dnf5 || dnf=dnf
    dvm_offered=$(as_root "$dnf" -q repoquery --available --latest-limit=1 --queryformat '%{version}\n' "$1" </dev/null) ||
      die "$dnf could not ask its mirrors for $1: its own words stand above; run the sync again, or see what the" \
        "guest reaches: $dnf repolist -v"
    dvm_offered=${dvm_offered%%$'\n'*}
    ;;
  debian)
    if [ -z "$dvm_apt_is_fresh" ]; then apt_update; fi
    # A name that only others provide has no version, and an unknown one is an error: neither can be installed.
    dvm_offered=$(apt-cache show --no-all-versions "$1" 2>/dev/null |
      sed -n 's/^Version: \([0-9]*:\)\{0,1\}//p' | head -n 1) || true
    ;;
  *) die "this guest is neither Fedora nor Debian or Ubuntu; install by hand: $1" ;;
  esac
}

# at_least VERSION WANTED
at_least() { [ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# cargo_install CRATE VERSION RUST COMMAND: builds it into ~/.local/bin; 1 where the distribution's Rust is older.
cargo_install() {
  if [ -x ~/.local/bin/"$4" ] && [[ "$(~/.local/bin/"$4" --version 2>/dev/null)" == *"$2"* ]]; then return 0; fi
  not_in_demo "build of $1 by cargo"
  pkg_offered cargo
  if ! at_least "$dvm_offered" "$3"; then
    say "$1 $2 needs Rust $3 and this distribution has ${dvm_offered:-none}"
    return 1
  fi
  pkg_install cargo gcc make perl cmake fedora:openssl-devel debian:libssl-dev fedora:pkgconf-pkg-config debian:pkg-config
  say "building $1 $2; this takes several minutes"
  cargo install --locked --quiet --root ~/.local --version "$2" "$1" </dev/null ||
    die "cargo could not build $1 $2: its own words stand above; see that the guest reaches https://crates.io"
}

# go_install MODULE VERSION COMMAND: builds it into ~/.local/bin; 1 where the distribution's Go is older than 1.21,
# which is the first that fetches the Go a module asks for.
go_install() {
  if [ -x ~/.local/bin/"$3" ] && [[ "$(~/.local/bin/"$3" --version 2>/dev/null)" == *"${2#v}"* ]]; then return 0; fi
  not_in_demo "build of $1 by go"
  local package=golang
  if [ "$(os_family)" = debian ]; then package=golang-go; fi
  pkg_offered "$package"
  if ! at_least "$dvm_offered" 1.21; then
    say "$1 needs Go 1.21 and this distribution has ${dvm_offered:-none}"
    return 1
  fi
  pkg_install "$package"
  say "building $1 $2; this takes a few minutes"
  GOBIN=~/.local/bin GOTOOLCHAIN=auto go install "$1@$2" </dev/null ||
    die "go could not build $1 $2: its own words stand above; see that the guest reaches https://proxy.golang.org"
}

# release_install NAME COMMAND...: the pinned release of NAME for this processor, from versions.tsv beside this file.
# It lies whole in /usr/local/lib/dvm/NAME, with links to its commands in /usr/local/bin.
release_install() {
  local name=$1 version sha256 url arch home=$dvm_root/usr/local/lib/dvm/$1 command found work
  shift
  arch=$(uname -m)
  url=$(awk -F '\t' -v OFS='\t' -v name="$name" -v arch="$arch" \
    '$1 == name && $3 == arch { print $2, $4, $5 }' "${DVM_LIB%/*}/versions.tsv" 2>/dev/null) || true
  IFS=$'\t' read -r version sha256 url <<<"$url"
  [ -n "$url" ] || die "dvm knows no release of $name for $arch; install $name by hand, or leave the recipe out"
  [[ $sha256 =~ ^[0-9a-f]{64}$ ]] ||
    die "the checksum of $name $version for $arch is $sha256, so it was not installed. On a computer with internet run" \
      "'scripts/versions.py fill $name' in a checkout of dvmweb: it writes what the makers publish"
  if [ "$(cat "$home/.sha256" 2>/dev/null)" = "$sha256" ] && release_is_linked "$home" "$@"; then return 0; fi
  not_in_demo "download of $name $version"
  case $url in
  *.zip) pkg_install unzip ;;
  *.tar.xz) pkg_install fedora:xz debian:xz-utils ;;
  esac
  work=$(mktemp -d) || die "could not make a temporary folder; see that the disk has room: df -h /tmp"
  # A failed download or unpacking leaves nothing, in a subshell of its own so that no trap of a recipe is lost.
  (
    trap 'rm -rf -- "$work"' EXIT
    say "downloading $name $version from $url"
    fetch_pinned "$url" "$sha256" "$work/archive"
    mkdir "$work/tree"
    case $url in
    *.zip) unzip -q "$work/archive" -d "$work/tree" ;;
    */"$name"-linux-*) install -m 755 -- "$work/archive" "$work/tree/$1" ;; # the bare program
    *) tar -xf "$work/archive" -C "$work/tree" --no-same-owner ;;
    esac || die "the archive of $name $version could not be unpacked; see that the disk has room: df -h"
    for command in "$@"; do
      found=$(find "$work/tree" -type f -name "$command" -perm -u+x -print -quit)
      [ -n "$found" ] || die "the archive of $name $version holds no program $command; nothing was installed"
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

# root_tree FOLDER HOME: HOME, root's and readable by all, is a copy of FOLDER; old or new, never half.
root_tree() {
  # shellcheck disable=SC2016  # the inner bash expands these
  as_root bash -c 'set -eu; umask 022; mkdir -p -- "${2%/*}"; new=$(mktemp -d -- "${2%/*}/.new.XXXXXX")
    trap "rm -rf -- \"\$new\"" EXIT
    cp -R --no-preserve=mode,ownership -- "$1/." "$new"; (cd "$1"; find . -type f -perm -u+x -print0) |
    (cd "$new"; xargs -0r chmod 755 --); chmod 755 -- "$new"; rm -rf -- "$2"; mv -T -- "$new" "$2"' \
    bash "$1" "$2" || die "could not write $2 as root; see that 'sudo -n true' works and the disk has room: df -h"
}

release_is_linked() {
  local home=$1 command
  shift
  for command in "$@"; do
    case $(readlink -- "$dvm_root/usr/local/bin/$command") in "$home"/*) ;; *) return 1 ;; esac
  done
}

# release_remove NAME COMMAND...: a package has come, so what release_install had made goes; other files stay.
release_remove() {
  local home=$dvm_root/usr/local/lib/dvm/$1 command
  shift
  if [ ! -d "$home" ]; then return 0; fi
  for command in "$@"; do
    if release_is_linked "$home" "$command"; then as_root rm -f -- "$dvm_root/usr/local/bin/$command"; fi
  done
  as_root rm -rf -- "$home"
}

# pkg_or_release NAME "PACKAGE..." COMMAND...: the distribution's package, else the pinned release of NAME.
pkg_or_release() {
  local name=$1 packages=()
  read -ra packages <<<"$2"
  shift 2
  if pkg_try "${packages[@]}"; then release_remove "$name" "$@"; else release_install "$name" "$@"; fi
}

# short_name COMMAND DEBIANS: where Debian calls COMMAND otherwise, ~/.local/bin has it under its own name.
short_name() {
  local other
  if other=$(command -v "$2") && [ ! -e ~/.local/bin/"$1" ] && ! have "$1"; then
    mkdir -p ~/.local/bin
    ln -sfn -- "$other" ~/.local/bin/"$1"
  fi
}

# agent_npm NAME PACKAGE VERSION PROGRAM: the package lies in /usr/local/lib/dvm/NAME, and dvm_program is its program, a
# path below node_modules in which CPU stands for this processor. No script of it runs: npm unpacks, root only copies.
agent_npm() {
  local home=$dvm_root/usr/local/lib/dvm/$1 cpu=x64 wanted work
  if [ "$(uname -m)" = aarch64 ]; then cpu=arm64; fi
  pkg_install nodejs npm
  wanted=$(npm view "$2@$3" version </dev/null | tail -n 1) || wanted=""
  [ -n "$wanted" ] ||
    die "npm knows no $2@$3: its own words stand above; see what the guest reaches: npm ping"
  wanted=${wanted##* }
  wanted=$2@${wanted//\'/}
  if [ "$(cat "$home/.from" 2>/dev/null)" != "$wanted" ]; then
    work=$(mktemp -d) || die "could not make a temporary folder; see that the disk has room: df -h /tmp"
    (
      trap 'rm -rf -- "$work"' EXIT
      say "installing $wanted"
      npm install --ignore-scripts --include=optional --no-fund --no-audit --prefix "$work/tree" "$wanted" </dev/null ||
        die "npm could not install $wanted: its own words stand above; see what the guest reaches: npm ping"
      printf '%s\n' "$wanted" >"$work/tree/.from"
      root_tree "$work/tree" "$home"
    ) || exit 1
  fi
  # shellcheck disable=SC2086  # a pattern
  dvm_program=$(compgen -G "$home/node_modules/${4//CPU/$cpu}" | head -n 1) || true
  [ -n "$dvm_program" ] || die "$wanted holds no program for $(uname -m); choose another version in the config"
}

# agent_tell WORD: the command of an agent's hook that tells a word to its terminal. It never fails, waits or prints.
agent_tell() {
  # shellcheck disable=SC2016  # for the hook's shell to expand
  printf 'cat >/dev/null; test -p "${DVM_TELL-}" && echo %s | dd of="${DVM_TELL-}" %s; true' "$1" \
    "oflag=nonblock conv=notrunc,nocreat status=none 2>/dev/null"
}

# agent_wrapper NAME COMMAND PROGRAM SWITCH DEFAULT "FLAGS" [VARIABLE=VALUE...]: /usr/local/bin/COMMAND runs PROGRAM behind
# the wall of agent-user, with FLAGS (words) unless the variable SWITCH, or where it is not set DEFAULT, is 0.
agent_wrapper() {
  local name=$1 command=$2 work
  work=$(mktemp) || die "could not make a temporary file; see that the disk has room: df -h /tmp"
  {
    printf '%s\n' '#!/usr/bin/env bash' "# $command behind the wall of agent-user; written by dvm's recipe $name."
    printf '%s=%q\n' launcher "$dvm_root/usr/local/lib/dvm/agent" name "$name" program "$3" switch "$4" default "$5"
    printf 'flags=(%s)\nvariables=(' "$6"
    shift 6
    if [ "$#" -gt 0 ]; then printf '%q ' "$@"; fi
    # shellcheck disable=SC1003,SC2016  # for the wrapper to expand
    printf '%s\n' ')' 'if [ -n "$switch" ]; then default=${!switch-$default}; fi' \
      'case $default in 0 | no | false) flags=() ;; esac' \
      'read -r agent _ <"$launcher/setting"' \
      'if [ "$EUID" = "$(id -u "$agent")" ]; then exec env "${variables[@]}" "$program" "${flags[@]}" "$@"; fi' \
      'if [ "${1-}" = --dvm-wall-test ]; then exec sudo -n -- "$launcher/_agent.py" wall "$name"; fi' \
      'exec sudo -n -- "$launcher/_agent.py" run "$PWD" "${DVM_TELL-}" "TERM=${TERM:-dumb}" \' \
      '  "COLORTERM=${COLORTERM-}" "LANG=${LANG:-C.UTF-8}" "${variables[@]}" -- "$program" "${flags[@]}" "$@"'
  } >"$work"
  as_root install -D -m 755 -- "$work" "$dvm_root/usr/local/bin/$command" ||
    die "could not write /usr/local/bin/$command as root; see that 'sudo -n true' works in the guest"
  rm -f -- "$work"
}
