#!/usr/bin/env bash
# Tests whether the VM's own SSH key opens a repository: lists its branches, over SSH, with this key alone. Changes
# nothing. No settings of Git or ssh are read, because they can run programs or lead elsewhere; host keys are those that
# a clone has stored.
# In: DVM_NONCE, DVM_REPO (an address of SSH), DVM_KEY_SECONDS (time limit).
# Out: an answer of kind `key-access` (dvmweb/guest/protocol.py): `accepted`; `missing NAME` (git, ssh, key); `late`;
# `failed CODE TEXT`, with the last 2000 bytes of what git and ssh printed.
set -u
LC_ALL=C # messages in English, lengths in bytes
export LC_ALL
private=$HOME/.ssh/id_ed25519

answer() {
  local tag=$1
  shift
  printf '%s\0' "$tag" "$#" "$@"
}

# lists_branches: one call of git; `cd /` leaves the settings of a repository behind.
lists_branches() {
  cd / || return
  unset -v "${!GIT_@}" SSH_ASKPASS SSH_AUTH_SOCK
  # shellcheck disable=SC2016,SC2089
  GIT_SSH_COMMAND='ssh -F none -i "$DVM_PRIVATE" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes'
  GIT_SSH_COMMAND+=' -o ConnectTimeout=10 -o StrictHostKeyChecking=yes -o UpdateHostKeys=no'
  # shellcheck disable=SC2016,SC2089
  GIT_SSH_COMMAND+=' -o "UserKnownHostsFile=\"$HOME/.ssh/known_hosts\""'
  # shellcheck disable=SC2090
  export GIT_SSH_COMMAND DVM_PRIVATE=$private
  GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ALLOW_PROTOCOL=ssh GIT_SSH_VARIANT=ssh GIT_TERMINAL_PROMPT=0 \
    timeout -k 2 "${DVM_KEY_SECONDS:-30}" git ls-remote --quiet --heads -- "$DVM_REPO" </dev/null 2>&1 >/dev/null
}

printf 'dvm-answer\0%s\0%s\0%s\0' key-access 1 "$DVM_NONCE"
missing=""
for program in git ssh; do
  if [ -z "$missing" ] && ! command -v "$program" >/dev/null; then missing=$program; fi
done
if [ -z "$missing" ] && [ ! -f "$private" ]; then missing=key; fi
if [ -n "$missing" ]; then
  answer missing "$missing"
else
  text=$(set -o pipefail && lists_branches | tail -c 2000 | tr -d '\0')
  code=$?
  case $code in
    0) answer accepted ;;
    124 | 137) answer late ;;
    *) answer failed "$code" "$text" ;;
  esac
fi
answer end "$DVM_NONCE"
