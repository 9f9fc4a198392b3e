#!/usr/bin/env bash
# Reports the programs running in a terminal of dvm, besides its shell; read-only.
# In: DVM_NONCE, DVM_TERMINAL_ID (in the environment of every process of that terminal).
# Out: an answer of kind `terminal` (dvmweb/guest/protocol.py): `shell`, then `runs NAME` for each program; or `absent`.
set -uo pipefail

answer() {
  local tag=$1
  shift
  printf '%s\0' "$tag" "$#" "$@"
}

# stat_of PID: sets parent, session and foreground group. The name in /proc/PID/stat can contain `) `.
stat_of() {
  local text
  text=$(tr -d '\0' 2>/dev/null <"/proc/$1/stat") || return 1
  read -r _ parent _ session _ foreground _ <<<"${text##*) }"
}

name_of() {
  head -c 64 -- "/proc/$1/comm" 2>/dev/null | tr -d '\0\n'
}

printf 'dvm-answer\0%s\0%s\0%s\0' terminal 1 "$DVM_NONCE"
declare -A ours=()
while IFS=/ read -r _ _ pid _; do
  ours[$pid]=1
done < <(grep -lzxF -e "DVM_TERMINAL=$DVM_TERMINAL_ID" /proc/[0-9]*/environ 2>/dev/null)

shell=""
for pid in "${!ours[@]}"; do
  if stat_of "$pid" && [ -z "${ours[$parent]:-}" ] && [ "$foreground" -gt 0 ]; then
    shell=$pid here=$session
  fi
done
if [ -z "$shell" ]; then
  answer absent
else
  answer shell
  # All processes of its session, also those with another or a hidden environment (sudo, another user's program), but
  # not the parents of the shell.
  declare -A above=()
  pid=$shell
  while [ "$pid" -gt 1 ] && [ -z "${above[$pid]:-}" ]; do
    above[$pid]=1
    stat_of "$pid" || break
    pid=$parent
  done
  count=0
  for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    if [ -z "${above[$pid]:-}" ] && stat_of "$pid" && [ "$session" = "$here" ] && name=$(name_of "$pid") && [ -n "$name" ]; then
      answer runs "$name"
      ((++count == 10)) && break
    fi
  done
fi
answer end "$DVM_NONCE"
