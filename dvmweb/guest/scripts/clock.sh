#!/usr/bin/env bash
# Reports the clock of the guest; read-only.
# In: DVM_NONCE.
# Out: an answer of kind `clock` (dvmweb/guest/protocol.py): `time MILLISECONDS`, since the epoch.
set -euo pipefail

printf 'dvm-answer\0%s\0%s\0%s\0' clock 1 "$DVM_NONCE"
printf 'time\0001\0%s\0' "$(date +%s%3N)"
printf 'end\0001\0%s\0' "$DVM_NONCE"
