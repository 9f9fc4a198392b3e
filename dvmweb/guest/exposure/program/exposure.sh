#!/usr/bin/env bash
# Tests what this guest can reach: starts exposure.py in the same folder. Without Python it answers with that problem.
# In: DVM_NONCE, DVM_CODE_DIR, DVM_TASK (JSON), DVM_AGENT ("1" to test the agent sandbox too).
set -uf
while read -r name; do unset -f "$name"; done < <(compgen -A function) # a function named exec would run instead
here=${BASH_SOURCE[0]%/*}
[[ $here != "${BASH_SOURCE[0]}" ]] || here=.
python=$(PATH=${DVM_PYTHON_PATH:-/usr/bin:/bin:/usr/local/bin:/run/current-system/sw/bin} type -P python3) &&
  exec "$python" -IBS -X utf8 "$here/exposure.py"
printf 'dvm-answer\0exposure\0001\0%s\0' "$DVM_NONCE"
printf 'problem\0001\0%s\0' 'python3 is not installed: install the package python3 in the guest'
printf 'end\0001\0%s\0' "$DVM_NONCE"
