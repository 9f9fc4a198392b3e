#!/usr/bin/env bash
# Reports what goes on in this guest, for the page of its VM: an answer `overview` (dvmweb/guest/protocol.py). Read-only;
# it takes half a second, in which it measures the processes. Of processes only names, because arguments hold secrets.
# In: DVM_NONCE, DVM_CODE_DIR, DVM_CALL_SECONDS (time limit of a program).
set -u
LC_ALL=C # lengths in bytes
root=${DVM_ROOT:-}
code=${DVM_CODE_DIR:?}
call_seconds=${DVM_CALL_SECONDS:-5}
is_demo=""
if [ -e "$root/etc/dvm-demo" ]; then is_demo=1; fi

answer() {
  local tag=$1
  shift
  printf '%s\0' "$tag" "$#" "$@"
}

# uptime_of_host: sets `up` to hundredths of a second since the boot of the kernel.
uptime_of_host() {
  IFS=' ' read -r up _ </proc/uptime
  up=$((10#${up/./}))
}

# stat_of PID: sets name and the array `words`, the fields behind the name, which can itself contain `) `.
stat_of() {
  local text=""
  IFS= read -r -d '' text <"/proc/$1/stat"
  [ -n "$text" ] || return 1
  name=${text#*(}
  name=${name%) *}
  set -f
  # shellcheck disable=SC2206
  words=(${text##*) })
  set +f
}

# Reports the seconds since the start of the first process: in a VM that is its boot.
answer_boot() {
  local started=0
  if stat_of 1 2>/dev/null; then started=${words[19]}; elif [ -n "$is_demo" ]; then return; fi
  uptime_of_host
  answer boot "$(((up - started) / 100))"
}

answer_system() {
  local key value
  while IFS='=' read -r key value; do
    if [ "$key" = PRETTY_NAME ]; then
      value=${value#\"}
      value=${value%\"}
      answer system "${value:0:100}"
      return
    fi
  done <"$root/etc/os-release"
}

answer_addresses() {
  local name address count=0
  while IFS=' ' read -r _ name _ address _; do
    if [ -e "/sys/class/net/$name/device" ] && ((count++ < 8)); then answer address "${name:0:20}" "${address%%/*}"; fi
  done < <(timeout -k 1 "$call_seconds" ip -o -4 addr show scope global 2>/dev/null)
}

# Reports the last commit of the code folder. Its settings can come from an agent: nothing in them may run a program.
answer_commit() {
  local branch="" text hash at subject setting always=()
  if [ ! -e "$code/.git" ]; then
    answer no-commit none
    return
  fi
  for setting in 'safe.directory=*' core.fsmonitor=false core.hooksPath=/dev/null log.showSignature=false \
    i18n.logOutputEncoding=UTF-8 log.mailmap=false; do always+=(-c "$setting"); done
  unset -v "${!GIT_@}"
  text=$(GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ALLOW_PROTOCOL=none GIT_NO_LAZY_FETCH=1 GIT_OPTIONAL_LOCKS=0 \
    GIT_TERMINAL_PROMPT=0 GIT_NO_REPLACE_OBJECTS=1 GIT_CEILING_DIRECTORIES=${code%/*} timeout -k 1 "$call_seconds" \
    git --no-pager "${always[@]}" -C "$code" log -1 --no-color --no-show-signature --no-notes --format='%h %ct %s' \
    2>/dev/null </dev/null | head -c 1000 | tr -d '\0')
  IFS=' ' read -r hash at subject <<<"$text"
  if [[ ! ${hash:-} =~ ^[0-9a-f]{4,64}$ || ! ${at:-} =~ ^[0-9]{1,12}$ ]]; then
    answer no-commit unreadable
    return
  fi
  if [ -f "$code/.git/HEAD" ] && [ ! -L "$code/.git/HEAD" ]; then
    IFS= read -r -n 300 branch <"$code/.git/HEAD"
    case $branch in "ref: refs/heads/"*) branch=${branch#ref: refs/heads/} ;; *) branch="" ;; esac
  fi
  answer commit "$hash" "$at" "${subject:0:200}" "${branch:0:100}"
}

# shellcheck disable=SC2034
# take ARRAY: fills an associative array with the CPU ticks of each process that is no kernel thread.
take() {
  local -n ticks_of=$1
  local folder
  for folder in /proc/[0-9]*; do
    if stat_of "${folder#/proc/}" && [ "${words[20]}" -gt 0 ]; then
      ticks_of[${folder#/proc/}]="$((words[11] + words[12])) ${words[21]} $name"
    fi
  done 2>/dev/null
}

# Reports the five processes that used most CPU in half a second, then most memory.
answer_processes() {
  local pid ticks pages name user begun lasted before page
  local -A first=() second=()
  page=$(getconf PAGESIZE 2>/dev/null || echo 4096)
  uptime_of_host
  begun=$up
  take first
  sleep 0.5
  uptime_of_host
  lasted=$((up - begun))
  take second
  for pid in "${!second[@]}"; do
    IFS=' ' read -r ticks pages _ <<<"${second[$pid]}"
    before=${first[$pid]:-0}
    printf '%s %s %s\n' "$((ticks - ${before%% *}))" "$pages" "$pid"
  done | sort -k1,1nr -k2,2nr | head -n 5 | while IFS=' ' read -r ticks pages pid; do
    name=${second[$pid]#* }
    name=${name#* }
    user=$(stat -c %U "/proc/$pid" 2>/dev/null) || continue
    # Ticks are hundredths of a second: a process that is always busy has 1000 thousandths of a processor.
    answer process "${name:0:32}" "${user:0:32}" "$((ticks < 0 || lasted < 1 ? 0 : 1000 * ticks / lasted))" "$((pages * (page / 1024)))"
  done
}

# Reports each TCP port on which something listens: port, whether only on loopback, user, program ("" if not known).
answer_listeners() {
  local table place state uid inode line port only user count=0
  local -A owner=() users=() seen=()
  while IFS=' ' read -r place line; do
    place=${place#/proc/}
    owner[${line//[!0-9]/}]=${place%%/*}
  done < <(find /proc/[0-9]*/fd -maxdepth 1 -lname 'socket:*' -printf '%p %l\n' 2>/dev/null)
  while IFS=: read -r user _ uid _; do users[${uid:-x}]=$user; done <"$root/etc/passwd"
  for table in tcp tcp6; do
    while IFS=' ' read -r _ place _ state _ _ _ uid _ inode _; do
      [ "$state" = 0A ] || continue
      port=$((16#${place##*:})) only=""
      case $place in ??????7F:* | 00000000000000000000000001000000:*) only=1 ;; esac
      [ -z "${seen[$port/$only]:-}" ] || continue
      seen[$port/$only]=1
      name=""
      if [ -n "${owner[$inode]:-}" ]; then stat_of "${owner[$inode]}" 2>/dev/null; fi
      user=${users[$uid]:-$uid}
      if ((count++ < 40)); then answer listener "$port" "$only" "${user:0:32}" "${name:0:32}"; fi
    done </proc/net/$table
  done 2>/dev/null
}

printf 'dvm-answer\0%s\0%s\0%s\0' overview 1 "$DVM_NONCE"
answer_boot
if [ -n "$is_demo" ]; then
  answer demo
else
  answer_system 2>/dev/null
  answer_addresses
fi
answer_commit
answer_processes
answer_listeners
answer end "$DVM_NONCE"
