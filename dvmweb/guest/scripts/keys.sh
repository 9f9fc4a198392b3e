#!/usr/bin/env bash
# Creates the VM's SSH key if there is none, and reports the public key; never overwrites a key.
# In: DVM_NONCE, DVM_INSTANCE (the key's comment), DVM_KEY=print (create nothing), DVM_KEY=new (a clone: move the key of
# its origin aside first) or replace (a copy of a base, in which no key is its own: move any key aside first); file _lib.sh in the same folder.
# Out: an answer of kind `key` (dvmweb/guest/protocol.py): `key LINE FINGERPRINT`, or `none`.
set -euo pipefail
umask 077
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. ./_lib.sh

private=$HOME/.ssh/id_ed25519
public=$private.pub

answer() {
  local tag=$1
  shift
  printf '%s\0' "$tag" "$#" "$@"
}

if ! have ssh-keygen; then
  not_in_demo "create an SSH key, but ssh-keygen is not installed" >&2
  die "ssh-keygen is not installed in this guest; the recipe baseline installs it"
fi

if [ "${DVM_KEY:-}" != print ]; then
  mkdir -p -- ~/.ssh
  chmod 700 -- ~/.ssh
  if [ "${DVM_KEY:-}" = new ] && [ ! -e "$private.copied" ] && [ ! -L "$private.copied" ]; then
    for key in "$private" "$public"; do
      if [ -e "$key" ] || [ -L "$key" ]; then mv -nT -- "$key" "${key/id_ed25519/id_ed25519.copied}"; fi
    done
  fi
  if [ "${DVM_KEY:-}" = replace ]; then
    for key in "$private" "$public"; do
      if [ -e "$key" ] || [ -L "$key" ]; then mv -fT --backup=numbered -- "$key" "${key/id_ed25519/id_ed25519.copied}"; fi
    done
  fi
  if [ ! -e "$private" ] && [ ! -L "$private" ]; then
    ssh-keygen -q -t ed25519 -N '' -C "${DVM_INSTANCE:-dvm}" -f "$private" </dev/null >&2
  elif [ ! -e "$public" ] && [ ! -L "$public" ]; then
    new=$(mktemp -- ~/.ssh/.new.XXXXXX)
    if ! ssh-keygen -y -P '' -f "$private" </dev/null >"$new"; then
      rm -f -- "$new"
      die "$private has no .pub file and needs a passphrase; create $public manually"
    fi
    mv -n -- "$new" "$public"
  fi
fi

printf 'dvm-answer\0%s\0%s\0%s\0' key 1 "$DVM_NONCE"
if [ -f "$public" ]; then
  line=""
  IFS= read -r -n 1000 line <"$public" || true
  IFS=' ' read -r _ fingerprint _ < <(ssh-keygen -l -f "$public") || die "$public is not a public key; move it away"
  answer key "$line" "$fingerprint"
else
  answer none
fi
answer end "$DVM_NONCE"
