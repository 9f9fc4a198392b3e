#!/usr/bin/env bash
# Runs the project hook .dvm/sync.sh, but only the very bytes that the user has approved.
# In: DVM_CODE_DIR, DVM_HOOK_HASH; file _lib.sh beside it.
# Out: 78 when the hook is another by now (nothing was run), else the hook's own exit code.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. ./_lib.sh

[[ $DVM_HOOK_HASH =~ ^[0-9a-f]{64}$ ]] || die "DVM_HOOK_HASH is not what dvm sends"
hash=$DVM_HOOK_HASH
copy=$PWD/hook.sh

# An agent can write there: neither a link nor a pipe is followed, and only the copy counts from here on.
dd if="$DVM_CODE_DIR/.dvm/sync.sh" of="$copy" iflag=nofollow,nonblock,fullblock bs=65537 count=1 status=none || true
if ! sha256sum --status -c - <<<"$hash  hook.sh"; then
  printf 'error: %s\n' "the project hook .dvm/sync.sh is not the one that you approved; nothing was run" >&2
  exit 78
fi

code=0
(
  unset -v DVM_HOOK_HASH
  umask 022 # a script of ours runs with 077; what the project makes is for the agents, too
  cd -- "$DVM_CODE_DIR"
  exec bash -- "$copy" </dev/null
) || code=$?
case $code in
0) root_record "$dvm_root/var/lib/dvm/hook" "$hash" ;;
# These codes mean something else to dvm.
78 | 255) die "the project hook ended with exit code $code; its last words stand above" ;;
*)
  printf 'error: %s\n' "the project hook ended with exit code $code; its last words stand above" >&2
  exit "$code"
  ;;
esac
