#!/usr/bin/env bash
# Runs the sandbox test of each agent: attacks from inside its sandbox (docs/explanation/agent-sandbox.md).
# In: DVM_NONCE, DVM_CODE_DIR, DVM_AGENTS (recipe names, one per line). Out: an answer `sandbox` (dvmweb/guest/protocol.py):
#   agent NAME passed|failed|unknown · count NAME NUMBER of checks · found NAME failed|unknown TEXT (at most 20 per name)
# The launcher's output is trusted: only root can write it; that of dvm 0.1 reports `holds` and `hole`. The launcher sets
# its own deadline, since only root can end it.
set -uf
LC_ALL=C
root=${DVM_ROOT:-}
nonce=${DVM_NONCE:?}
unset -v DVM_NONCE
trusted=0
if [ -n "$root" ]; then trusted=$EUID; fi # tests
declare -A command=([claude]=claude [codex]=codex [opencode]=opencode [mistral]=vibe) output=()
launcher=$root/usr/local/lib/dvm/agent/launcher.py

answer() {
  local tag=$1
  shift
  printf '%s\0' "$tag" "$#" "$@"
}

# is_roots FILE: succeeds if it is a program that only root can write.
is_roots() {
  local owner mode
  [ -f "$1" ] && [ ! -L "$1" ] && [ -x "$1" ] && read -r owner mode < <(stat -c '%u %f' -- "$1") &&
    [ "$owner" = "$trusted" ] && [ $((16#$mode & 022)) -eq 0 ]
}

names=()
while IFS= read -r name; do
  if [[ $name =~ ^[a-z][a-z0-9-]{0,39}$ ]] && [ -z "${output[$name]+set}" ]; then names+=("$name") output[$name]=""; fi
done <<<"${DVM_AGENTS:-}"

for name in "${names[@]}"; do
  wrapper=$root/usr/local/bin/${command[$name]:-$name}
  if [ ! -e "$wrapper" ]; then
    output[$name]="unknown The agent is not installed: $wrapper is missing."
  elif ! is_roots "$wrapper" || ! is_roots "$launcher"; then
    output[$name]="unknown $wrapper or the launcher can be changed by others than root. Sync this VM with --fresh."
  elif ! grep -q '^launcher=' -- "$wrapper"; then
    output[$name]="unknown $wrapper does not run the agent in the sandbox: its recipe does not use agent_wrapper."
  elif ! problem=$("$launcher" check "${DVM_CODE_DIR:?}" 2>&1 </dev/null); then
    output[$name]="unknown ${problem//[^ -~]/?}"
  else
    "$wrapper" --dvm-sandbox-test </dev/null 2>/dev/null | head -c 20000 >"sandbox-$name" &
  fi
done
wait

printf 'dvm-answer\0%s\0%s\0%s\0' sandbox 1 "$nonce"
for name in "${names[@]}"; do
  result="" count=0 found=0
  if [ -z "${output[$name]}" ]; then output[$name]=$(tr -d '\0' <"sandbox-$name"); fi
  while IFS=' ' read -r word rest; do
    if [ "$word" = hole ]; then word=failed; fi
    case $word in
    failed | unknown)
      if [ "$((found += 1))" -le 20 ]; then answer found "$name" "$word" "${rest:0:200}"; fi
      if [ "$result" != failed ]; then result=$word; fi
      ;;
    count) if [[ $rest =~ ^[0-9]{1,6}$ ]]; then count=$rest; fi ;;
    result)
      if [[ $rest == passed || $rest == holds ]] && [ "$found" -eq 0 ] && [ "$count" -gt 0 ]; then result=passed; fi
      ;;
    esac
  done <<<"${output[$name]}"
  if [ -z "$result" ]; then
    answer found "$name" unknown "The sandbox test did not finish: the launcher sent no result in time."
    result=unknown
  fi
  answer agent "$name" "$result"
  answer count "$name" "$count"
done
answer end "$nonce"
