#!/usr/bin/env bash
# Runs one program of a rescue, DVM_PROGRAM (rescue_out, rescue_in). Without Python it answers `refused python`.
set -uf
while read -r name; do unset -f "$name"; done < <(compgen -A function) # a function named exec would run instead
PATH=${DVM_WORK_PATH:-/usr/bin:/bin:/usr/local/bin:/run/current-system/sw/bin}
export PATH LC_ALL=C
if python=$(type -P python3); then
    mkdir -p dvmweb/guest/copies && mv -- tally.py entries.py packing.py unpacking.py dvmweb/guest/copies/ &&
        exec "$python" -IBS -X utf8 "./$DVM_PROGRAM.py"
fi
if [ -e stream ]; then exec 4<stream; fi # the bootstrap waits for this
printf '%s\0' dvm-answer "$DVM_PROGRAM" 1 "$DVM_NONCE" refused 1 python end 1 "$DVM_NONCE"
