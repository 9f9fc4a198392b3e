#!/usr/bin/env bash
# Reads the project hook .dvm/sync.sh, which the user must approve; follows no links.
# In: DVM_NONCE, DVM_CODE_DIR.
# Out: an answer of kind `hook` (dvmweb/guest/protocol.py): `hook SHA256 TEXT`, `odd WHY` or `none`.
set -euo pipefail

answer() {
  local tag=$1
  shift
  printf '%s\0' "$tag" "$#" "$@"
}

printf 'dvm-answer\0%s\0%s\0%s\0' hook 1 "$DVM_NONCE"
hook=$DVM_CODE_DIR/.dvm/sync.sh
if [ ! -e "$hook" ] && [ ! -L "$hook" ]; then
  answer none
# A link could present another file of the guest as the hook.
elif [ -L "$DVM_CODE_DIR/.dvm" ] || [ ! -f "$hook" ] ||
  ! dd if="$hook" of=hook.sh iflag=nofollow,nonblock,fullblock bs=65537 count=1 status=none; then
  answer odd link
elif [ "$(stat -c %s hook.sh)" -gt 65536 ]; then
  answer odd size
elif [ "$(tr -d '\0' <hook.sh | wc -c)" -ne "$(stat -c %s hook.sh)" ]; then
  answer odd read # it has NUL bytes
else
  hash=$(sha256sum hook.sh)
  printf '%s\0' hook 2 "${hash%% *}"
  cat hook.sh
  printf '\0'
fi
answer end "$DVM_NONCE"
