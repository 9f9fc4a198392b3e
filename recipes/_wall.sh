#!/usr/bin/env bash
# The wall test of each agent: attacks from inside its sandbox, and what they came to (docs/agents.md).
# In: DVM_NONCE, DVM_CODE_DIR, DVM_AGENTS (names of recipes, one a line). Out: an answer `wall` as dvmweb/answers.py says:
#   agent NAME holds|hole|unknown · count NAME NUMBER of checks · found NAME hole|unknown TEXT (20 a name at most)
# Only root can have written what the launcher says; it sets itself a deadline, for nobody else can end it.
set -uf
LC_ALL=C
root=${DVM_ROOT:-}
nonce=${DVM_NONCE:?}
unset -v DVM_NONCE
trusted=0
if [ -n "$root" ]; then trusted=$EUID; fi # tests
declare -A command=([claude]=claude [codex]=codex [opencode]=opencode [mistral]=vibe) said=()
launcher=$root/usr/local/lib/dvm/agent/_agent.py

answer() {
  local tag=$1
  shift
  printf '%s\0' "$tag" "$#" "$@"
}

# is_roots FILE: a program that only root can have written.
is_roots() {
  local owner mode
  [ -f "$1" ] && [ ! -L "$1" ] && [ -x "$1" ] && read -r owner mode < <(stat -c '%u %f' -- "$1") &&
    [ "$owner" = "$trusted" ] && [ $((16#$mode & 022)) -eq 0 ]
}

names=()
while IFS= read -r name; do
  if [[ $name =~ ^[a-z][a-z0-9-]{0,39}$ ]] && [ -z "${said[$name]+set}" ]; then names+=("$name") said[$name]=""; fi
done <<<"${DVM_AGENTS:-}"

for name in "${names[@]}"; do
  wrapper=$root/usr/local/bin/${command[$name]:-$name}
  if [ ! -e "$wrapper" ]; then
    said[$name]="unknown It is not installed: $wrapper is missing."
  elif ! is_roots "$wrapper" || ! is_roots "$launcher"; then
    said[$name]="unknown $wrapper or the launcher is not root's own. Sync this VM with --fresh."
  elif ! grep -q '^launcher=' -- "$wrapper"; then
    said[$name]="unknown $wrapper does not run it behind the wall: the recipe does not use agent_wrapper."
  elif ! problem=$("$launcher" check "${DVM_CODE_DIR:?}" 2>&1 </dev/null); then
    said[$name]="unknown ${problem//[^ -~]/?}"
  else
    "$wrapper" --dvm-wall-test </dev/null 2>/dev/null | head -c 20000 >"wall-$name" &
  fi
done
wait

printf 'dvm-answer\0%s\0%s\0%s\0' wall 1 "$nonce"
for name in "${names[@]}"; do
  result="" count=0 found=0
  if [ -z "${said[$name]}" ]; then said[$name]=$(tr -d '\0' <"wall-$name"); fi
  while IFS=' ' read -r word rest; do
    case $word in
    hole | unknown)
      if [ "$((found += 1))" -le 20 ]; then answer found "$name" "$word" "${rest:0:200}"; fi
      if [ "$result" != hole ]; then result=$word; fi
      ;;
    count) if [[ $rest =~ ^[0-9]{1,6}$ ]]; then count=$rest; fi ;;
    result) if [ "$rest" = holds ] && [ "$found" -eq 0 ] && [ "$count" -gt 0 ]; then result=holds; fi ;;
    esac
  done <<<"${said[$name]}"
  if [ -z "$result" ]; then
    answer found "$name" unknown "The wall test did not come to its end: its launcher said nothing in time."
    result=unknown
  fi
  answer agent "$name" "$result"
  answer count "$name" "$count"
done
answer end "$nonce"
