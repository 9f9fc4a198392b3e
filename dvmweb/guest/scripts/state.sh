#!/usr/bin/env bash
# Reports the state of this guest in one read-only round trip: an answer `state` (dvmweb/guest/protocol.py).
# Every sync waits for it, so it starts few programs: two stat, one git, one sha256sum, and the probes.
# In: DVM_NONCE, DVM_CODE_DIR, DVM_RECIPES (one name per line), DVM_IDENTITY_FILE, DVM_PROBE_SECONDS and DVM_CALL_SECONDS
# (time limits of probes and programs, longer for a slow guest); files probes.sh and probe-NAME in the same folder.
set -uf
LC_ALL=C # lengths in bytes
root=${DVM_ROOT:-}
identity_file=${DVM_IDENTITY_FILE:-$root/etc/dvm/identity}
code=${DVM_CODE_DIR:?}
nonce=${DVM_NONCE:?}
unset -v DVM_NONCE # hidden from probes
probe_seconds=${DVM_PROBE_SECONDS:-10} call_seconds=${DVM_CALL_SECONDS:-5}
key_file=$HOME/.ssh/id_ed25519.pub
hook=$code/.dvm/sync.sh
record_folders=("${identity_file%/*}" "$root/var/lib/dvm" "$root/var/lib/dvm/recipes")
trusted=0
if [ -n "$root" ]; then trusted=$EUID; fi # tests
is_demo=""
if [ -e "$root/etc/dvm-demo" ]; then is_demo=1; fi

answer() {
  local tag=$1
  shift
  printf '%s\0' "$tag" "$#" "$@"
}

is_name() { [[ $1 =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)*$ && ${#1} -le 40 ]]; }

names=()
while IFS= read -r name; do
  if is_name "$name"; then names+=("$name"); fi
done <<<"${DVM_RECIPES:-}"

declare -A owner=() mode=() size=()
while IFS=' ' read -r the_owner the_mode the_size path; do
  owner[$path]=$the_owner mode[$path]=$((16#$the_mode)) size[$path]=$the_size
done < <(stat -c '%u %f %s %n' -- "${record_folders[@]}" "$identity_file" "$root/var/lib/dvm/hook" "$key_file" \
  "$code/.git/config" "$code/.dvm" "$hook" "${names[@]/#/$root/var/lib/dvm/recipes/}" 2>/dev/null)

# has_type PATH OCTAL: checks the type of the path itself, not of a link's target.
has_type() { [ $((${mode[$1]:-0} & 0170000)) -eq $((8#$2)) ]; }
is_file() { has_type "$1" 0100000; }
is_folder() { has_type "$1" 040000; }

# is_roots PATH: succeeds if only root can have written it. Demo guests have no root of their own.
is_roots() { [ -n "$is_demo" ] || { [ "${owner[$1]}" = "$trusted" ] && [ $((${mode[$1]} & 022)) -eq 0 ]; }; }
is_record() { is_file "$1" && is_roots "$1" && is_folder "${1%/*}" && is_roots "${1%/*}"; }

# read_line FILE: sets line to its only line; fails if the file is empty, has more lines or a NUL.
read_line() {
  line=""
  [ "${size[$1]}" -le 1000 ] || return 1
  IFS= read -r -d '' -n 1001 line <"$1" 2>/dev/null
  [ "${#line}" -eq "${size[$1]}" ] || return 1
  line=${line%$'\n'}
  [ -n "$line" ] && [[ $line != *$'\n'* ]]
}

# is_empty FOLDER: succeeds if the folder can be read and is empty.
is_empty() {
  [ -d "$1" ] && [ -r "$1" ] && [ -x "$1" ] || return 1
  local inside
  set +f
  shopt -s nullglob dotglob
  inside=("$1"/*)
  shopt -u nullglob dotglob
  set -f
  [ "${#inside[@]}" -eq 0 ]
}

# Reports ticks of all processors and memory in KiB, if the kernel has all of these counters.
answer_use() {
  local cpu user nice system idle wait irq soft steal rest name value free="" memory=""
  IFS=' ' read -r cpu user nice system idle wait irq soft steal rest </proc/stat || return 0
  while IFS=' :' read -r name value rest; do
    case $name in MemTotal) memory=$value ;; MemAvailable) free=$value && break ;; esac
  done </proc/meminfo
  [[ $cpu == cpu && $steal$free$memory =~ ^[0-9]+$ && -n $free && -n $memory ]] || return 0
  local busy=$((user + nice + system + irq + soft + steal))
  answer use "$busy" "$((busy + idle + wait))" "$free" "$memory"
}

# Reports the bytes that all real interfaces (not those of containers) have received and sent since the boot.
answer_network() {
  local name received sent found="" all_received=0 all_sent=0
  while IFS=' :' read -r name received _ _ _ _ _ _ _ sent _; do
    if [[ $received =~ ^[0-9]{1,15}$ && $sent =~ ^[0-9]{1,15}$ && -e /sys/class/net/$name/device ]]; then
      found=1 all_received=$((all_received + received)) all_sent=$((all_sent + sent))
    fi
  done </proc/net/dev
  if [ -n "$found" ]; then answer network "$all_received" "$all_sent"; fi
}

# Reports KiB in use and in all of the file system of /.
answer_disk() {
  local block blocks free
  IFS=' ' read -r block blocks free < <(stat -f -c '%S %b %f' "$root/" 2>/dev/null)
  if [[ $block$blocks$free =~ ^[0-9]+$ && -n $free ]]; then
    answer disk "$(((blocks - free) * block / 1024))" "$((blocks * block / 1024))"
  fi
}

# Runs all probes in one login shell: on a slow guest, a login shell takes longer than a probe. The functions replace
# two programs that Debian's profiles run.
# Called with `&`: its pid is that of `timeout`, which leads the process group of all that it starts.
probe_together() {
  # shellcheck disable=SC2317
  id() { if [ "$*" = -u ]; then echo "$EUID"; else command id "$@"; fi; }
  # shellcheck disable=SC2317
  locale() { [ "$#" -eq 0 ] || command locale "$@"; }
  export -f id locale
  exec timeout -k 1 "$probe_seconds" bash -l "$PWD/probes.sh" "$@" </dev/null >/dev/null 2>&1
}

# probe_alone NAME...: runs each probe in its own login shell.
probe_alone() {
  local name
  local -A pids=()
  for name; do
    timeout -k 1 "$probe_seconds" bash -l "./probe-$name" </dev/null >/dev/null 2>&1 &
    pids[$name]=$!
  done
  for name; do
    wait "${pids[$name]}"
    ends[$name]=$?
  done
}

# end_probes PID NAME...: waits for the probes and fills `ends` with their exit codes by name. If the shared shell itself
# was ended, possibly by a probe, its results do not count.
end_probes() {
  local prober=$1 name code_of_it ended
  shift
  wait "$prober"
  ended=$?
  kill -s KILL -- "-$prober" 2>/dev/null # processes that ignored TERM
  if [ "$ended" -eq 124 ] || [ "$ended" -eq 0 ]; then
    while read -r name code_of_it; do ends[$name]=$code_of_it; done <probed
  fi
  if [ "$ended" -eq 0 ] && [ "${#ends[@]}" -ne "$#" ]; then ended=1; fi # a profile ended the shell
  if [ "$ended" -ne 0 ] && [ "$ended" -ne 124 ]; then
    ends=()
    probe_alone "$@"
  fi
}

# applied recipes; their probes run in the background
probes=()
applied=()
for name in "${names[@]}"; do
  file=$root/var/lib/dvm/recipes/$name
  if ! is_record "$file" || ! read_line "$file"; then continue; fi
  [[ $line =~ ^([0-9a-f]{64})\ (done|not-run)\ ([0-9]{1,12})$ ]] || continue
  applied+=("$name" "${BASH_REMATCH[@]:1:3}")
  if [ "${BASH_REMATCH[2]}" = "done" ] && [ -f "probe-$name" ]; then probes+=("$name"); fi
done
if [ "${#probes[@]}" -gt 0 ]; then
  : >probed
  probe_together "${probes[@]}" &
  prober=$!
fi

printf 'dvm-answer\0%s\0%s\0%s\0' state 1 "$nonce"

if [ -z "${mode[$identity_file]:-}" ]; then
  answer identity "" ""
elif is_record "$identity_file" && read_line "$identity_file" &&
  [[ $line =~ ^([a-z][a-z0-9-]{0,75})\ ([0-9a-f]{32})$ ]]; then
  answer identity "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
else
  answer odd-identity # not as identity.sh writes it
fi

host='\H' user='\u' # expanded as in a prompt, without starting a program
boot_id=""
IFS= read -r boot_id </proc/sys/kernel/random/boot_id
host=${host@P}
answer host "${host:0:255}" "${user@P}" "$EUID" "$boot_id"
if [ -n "$is_demo" ]; then
  answer demo
else
  answer_use
  answer_network 2>/dev/null
  answer_disk
fi

for ((i = 0; i < ${#applied[@]}; i += 4)); do answer applied "${applied[@]:i:4}"; done

if is_file "$key_file" && read_line "$key_file" && [[ $line =~ ^ssh-ed25519\ [A-Za-z0-9+/=]{40,200}(\ [ -~]*)?$ ]]; then
  answer key "$line"
fi

origin=""
if [ ! -e "$code" ] && [ ! -L "$code" ]; then
  state=absent
elif [ -e "$code/.git" ] || [ -L "$code/.git" ]; then
  state=repository
  if is_file "$code/.git/config" && [ "${size[$code/.git/config]}" -le 1000000 ]; then
    unset -v "${!GIT_@}"
    origin=$(GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_CEILING_DIRECTORIES=${PWD%/*} timeout -k 1 "$call_seconds" \
      git config --no-includes -f "$code/.git/config" --get remote.origin.url 2>/dev/null </dev/null)
    case $? in 124 | 137) answer late-origin ;; esac
    # A password in the URL stays in the guest.
    if [[ $origin =~ ^([a-zA-Z+]+://)[^/]*@(.*)$ && $origin != ssh://* ]]; then
      origin=${BASH_REMATCH[1]}${BASH_REMATCH[2]}
    fi
  fi
elif is_empty "$code"; then
  state=empty
else
  state=files
fi
answer code "$state" "${origin:0:1000}"

if [ -e "$hook" ] || [ -L "$hook" ]; then
  if ! is_folder "$code/.dvm" || ! is_file "$hook"; then
    answer odd-hook link
  elif [ "${size[$hook]}" -gt 65536 ]; then
    answer odd-hook size
  else
    hash=$(timeout -k 1 "$call_seconds" sha256sum -- "$hook" 2>/dev/null)
    case $? in
    124 | 137) answer odd-hook late ;;
    *) if [[ $hash =~ ^\\?([0-9a-f]{64})\  ]]; then answer hook "${BASH_REMATCH[1]}" "${size[$hook]}"; else answer odd-hook read; fi ;;
    esac
  fi
fi
file=$root/var/lib/dvm/hook
if [ -n "${mode[$file]:-}" ] && is_record "$file" && read_line "$file" && [[ $line =~ ^[0-9a-f]{64}$ ]]; then
  answer hook-applied "$line"
fi

if [ "${#probes[@]}" -gt 0 ]; then
  declare -A ends=()
  end_probes "$prober" "${probes[@]}"
  for name in "${probes[@]}"; do
    case ${ends[$name]:-124} in
    0) answer probe "$name" ok ;;
    69) answer probe "$name" unknown ;;
    124 | 137) answer probe "$name" late ;; # also if the probe itself uses `timeout`
    *) answer probe "$name" failed ;;
    esac
  done
fi
answer end "$nonce"
