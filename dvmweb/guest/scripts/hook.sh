#!/usr/bin/env bash
# Runs the project hook .dvm/sync.sh, but only with the content that the user has approved.
# In: DVM_CODE_DIR, DVM_HOOK_HASH; file _lib.sh in the same folder.
# Out: 78 if the hook has changed (nothing was run), else the hook's exit code.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. ./_lib.sh

[[ $DVM_HOOK_HASH =~ ^[0-9a-f]{64}$ ]] || die "DVM_HOOK_HASH is invalid"
hash=$DVM_HOOK_HASH
copy=$PWD/hook.sh

# An agent can write there: links and pipes are not followed, and only the copy is used from here on.
dd if="$DVM_CODE_DIR/.dvm/sync.sh" of="$copy" iflag=nofollow,nonblock,fullblock bs=65537 count=1 status=none || true
if ! sha256sum --status -c - <<<"$hash  hook.sh"; then
  printf 'error: %s\n' "the project hook .dvm/sync.sh has changed since you approved it; nothing was run" >&2
  exit 78
fi

code=0
(
  unset -v DVM_HOOK_HASH
  umask 022 # our scripts run with 077, but agents must be able to read what the hook creates
  cd -- "$DVM_CODE_DIR"
  exec bash -- "$copy" </dev/null
) || code=$?
case $code in
0) root_record "$dvm_root/var/lib/dvm/hook" "$hash" ;;
# These codes have another meaning for dvm.
78 | 255) die "the project hook failed (exit code $code); see its output above" ;;
*)
  printf 'error: %s\n' "the project hook failed (exit code $code); see its output above" >&2
  exit "$code"
  ;;
esac
