#!/usr/bin/env bash
# Starts the unsaved-work check, work.py in the same folder. If the guest has no Python, it answers with that problem.
set -uf
while read -r name; do unset -f "$name"; done < <(compgen -A function) # a function named exec would run instead
PATH=${DVM_WORK_PATH:-/usr/bin:/bin:/usr/local/bin:/run/current-system/sw/bin}
export PATH LC_ALL=C
here=${BASH_SOURCE[0]%/*}
[[ $here != "${BASH_SOURCE[0]}" ]] || here=.
python=$(type -P python3) && exec "$python" -IBS -X utf8 "$here/work.py"

name='' id='' file=${DVM_IDENTITY_FILE:-/etc/dvm/identity}
[[ ! -f $file || ! -r $file ]] || read -r -n 300 name id <"$file"
printf 'dvm-answer\0work\0001\0%s\0identity\0002\0%s\0%s\0' "$DVM_NONCE" "$name" "$id"
printf 'problem\0002\0%s\0%s\0' python3 'python3 is not installed: install the package python3 in the guest'
printf 'end\0001\0%s\0' "$DVM_NONCE"
