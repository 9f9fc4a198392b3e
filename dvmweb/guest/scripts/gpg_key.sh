#!/usr/bin/env bash
# Creates a GPG key that signs, without a passphrase, if there is none for the e-mail address; never changes a key.
# In: DVM_NONCE, DVM_NAME and DVM_EMAIL ("": as Git has them in DVM_CODE_DIR), DVM_SIGN=1 (Git signs with it from now
# on); file _lib.sh in the same folder.
# Out: an answer of kind `gpg-key` (dvmweb/guest/protocol.py): `key FINGERPRINT EMAIL PUBLIC-KEY STATE`, with STATE
# `new` or `old`; or `missing PROGRAM`, `no-name`, `no-email`, or `failed REASON`.
set -euo pipefail
umask 077
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. ./_lib.sh

MOST=60000 # bytes of a public key

answer() {
  printf '%s\0' "$1" "$(($# - 1))" "${@:2}"
}

# end RECORD...: the only record, and the end of the script.
end() {
  answer "$@"
  answer end "$DVM_NONCE"
  exit 0
}

# of_git KEY: a value of Git's config in the code folder, else the user's; "" for none. Called in a subshell.
of_git() {
  if [ -d "$DVM_CODE_DIR" ]; then cd -- "$DVM_CODE_DIR"; fi
  git config --get "$1" || true
}

# found: the fingerprint of the first key for the address that can sign now; "" for none.
found() {
  local fields usable=""
  while IFS=: read -r -a fields; do
    case ${fields[0]:-} in
    sec)
      usable=yes
      case ${fields[1]:-} in *[eirdn]*) usable="" ;; esac
      case ${fields[11]:-} in *S*) ;; *) usable="" ;; esac
      ;;
    fpr)
      if [ -n "$usable" ]; then
        printf '%s' "${fields[9]}"
        return
      fi
      ;;
    ssb) usable="" ;;
    esac
  done < <(gpg --batch --no-tty --with-colons --list-secret-keys "<$email>" 2>/dev/null)
}

printf 'dvm-answer\0%s\0%s\0%s\0' gpg-key 1 "$DVM_NONCE"
for program in gpg git; do
  have "$program" || end missing "$program"
done
name=${DVM_NAME:-$(of_git user.name)}
email=${DVM_EMAIL:-$(of_git user.email)}
[ -n "$name" ] || end no-name
[ -n "$email" ] || end no-email

state=old
fingerprint=$(found)
if [ -z "$fingerprint" ]; then
  state=new
  log=$(gpg --batch --no-tty --pinentry-mode loopback --passphrase '' \
    --quick-generate-key "$name <$email>" ed25519 sign never 2>&1 </dev/null) || end failed "${log: -500}"
  fingerprint=$(found)
  [ -n "$fingerprint" ] || end failed "gpg has created no key that can sign"
fi
public=$(gpg --batch --no-tty --armor --export-options export-minimal --export "$fingerprint" 2>/dev/null) ||
  end failed "gpg cannot export the public key"
[ "${#public}" -le "$MOST" ] || end failed "the public key is larger than $MOST bytes"

if [ -n "${DVM_SIGN:-}" ]; then
  git config --global gpg.format openpgp
  git config --global user.signingkey "$fingerprint"
  git config --global commit.gpgsign true
  git config --global tag.gpgsign true
  [ -n "$(of_git user.name)" ] || git config --global user.name "$name"
  [ -n "$(of_git user.email)" ] || git config --global user.email "$email"
fi
end key "$fingerprint" "$email" "$public" "$state"
