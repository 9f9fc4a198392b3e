#!/usr/bin/env bash
# Shared by the recipes of AI agents: install a CLI from npm, report an agent's status, wrap a command in the sandbox.
# Sourced by `_lib.sh`.
# shellcheck disable=SC2154 # `_lib.sh` sets dvm_root

# agent_npm NAME PACKAGE VERSION PROGRAM: installs the package in /usr/local/lib/dvm/NAME and sets dvm_program. PROGRAM is
# a path below node_modules; CPU in it stands for x64 or arm64. No package script runs: npm unpacks, root only copies.
agent_npm() {
  local home=$dvm_root/usr/local/lib/dvm/$1 cpu=x64 wanted work
  if [ "$(uname -m)" = aarch64 ]; then cpu=arm64; fi
  pkg_install nodejs npm
  wanted=$(npm view "$2@$3" version </dev/null | tail -n 1) || wanted=""
  [ -n "$wanted" ] ||
    die "npm could not find $2@$3: see npm's output above. Check the version and the network: npm ping"
  wanted=${wanted##* }
  wanted=$2@${wanted//\'/}
  if [ "$(cat "$home/.from" 2>/dev/null)" != "$wanted" ]; then
    work=$(mktemp -d) || die "could not create a temporary folder; check the free disk space: df -h /tmp"
    (
      trap 'rm -rf -- "$work"' EXIT
      say "Installing $wanted from npm"
      npm install --ignore-scripts --include=optional --no-fund --no-audit --prefix "$work/tree" "$wanted" </dev/null ||
        die "npm could not install $wanted: see npm's output above. Check the network: npm ping"
      printf '%s\n' "$wanted" >"$work/tree/.from"
      root_tree "$work/tree" "$home"
    ) || exit 1
  fi
  # shellcheck disable=SC2086  # a pattern
  dvm_program=$(compgen -G "$home/node_modules/${4//CPU/$cpu}" | head -n 1) || true
  [ -n "$dvm_program" ] || die "$wanted has no program for $(uname -m); set another version in the config"
}

# agent_report STATUS: prints the command for an agent's hook that reports STATUS to its terminal; it never fails, waits or
# prints. agent_tell is its name in dvm 0.1, for local recipes.
agent_tell() { agent_report "$@"; }
agent_report() {
  # shellcheck disable=SC2016  # expanded by the hook's shell
  printf 'cat >/dev/null; test -p "${DVM_TELL-}" && echo %s | dd of="${DVM_TELL-}" %s; true' "$1" \
    "oflag=nonblock conv=notrunc,nocreat status=none 2>/dev/null"
}

# agent_wrapper NAME COMMAND PROGRAM SWITCH DEFAULT "FLAGS" [VARIABLE=VALUE...]: writes /usr/local/bin/COMMAND, which runs
# PROGRAM in the agent sandbox. It passes FLAGS (separated by spaces) unless the variable SWITCH is 0; DEFAULT counts
# while SWITCH is not set.
agent_wrapper() {
  local name=$1 command=$2 work
  work=$(mktemp) || die "could not create a temporary file; check the free disk space: df -h /tmp"
  {
    printf '%s\n' '#!/usr/bin/env bash' "# $command in the agent sandbox. Written by dvm's recipe $name."
    printf '%s=%q\n' launcher "$dvm_root/usr/local/lib/dvm/agent" name "$name" program "$3" switch "$4" default "$5"
    printf 'flags=(%s)\nvariables=(' "$6"
    shift 6
    if [ "$#" -gt 0 ]; then printf '%q ' "$@"; fi
    # shellcheck disable=SC1003,SC2016  # expanded by the wrapper
    printf '%s\n' ')' 'if [ -n "$switch" ]; then default=${!switch-$default}; fi' \
      'case $default in 0 | no | false) flags=() ;; esac' \
      'read -r agent _ <"$launcher/setting"' \
      'if [ "$EUID" = "$(id -u "$agent")" ]; then exec env "${variables[@]}" "$program" "${flags[@]}" "$@"; fi' \
      'if [ "${1-}" = --dvm-sandbox-test ]; then exec sudo -n -- "$launcher/launcher.py" test "$name"; fi' \
      'exec sudo -n -- "$launcher/launcher.py" run "$PWD" "${DVM_TELL-}" "TERM=${TERM:-dumb}" \' \
      '  "COLORTERM=${COLORTERM-}" "LANG=${LANG:-C.UTF-8}" "${variables[@]}" -- "$program" "${flags[@]}" "$@"'
  } >"$work"
  as_root install -D -m 755 -- "$work" "$dvm_root/usr/local/bin/$command" ||
    die "could not write /usr/local/bin/$command as root; check that 'sudo -n true' works in the guest"
  rm -f -- "$work"
}
