#!/usr/bin/env bash
# Tells in one read-only round trip what this guest is and has; the answer's form is that of dvmweb/answers.py.
# Every sync waits for it, so it uses what bash itself can do: one stat, one git, one sha256sum, and the probes.
# In: DVM_NONCE, DVM_CODE_DIR, DVM_RECIPES (a name a line), DVM_IDENTITY_FILE; files probe-NAME beside it.
set -uf
LC_ALL=C # lengths in bytes
root=${DVM_ROOT:-}
identity_file=${DVM_IDENTITY_FILE:-$root/etc/dvm/identity}
code=${DVM_CODE_DIR:?}
nonce=${DVM_NONCE:?}
unset -v DVM_NONCE # a probe must not know it
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

# has_type PATH OCTAL: the path itself, not what a link points to, is of that type.
has_type() { [ $((${mode[$1]:-0} & 0170000)) -eq $((8#$2)) ]; }
is_file() { has_type "$1" 0100000; }
is_folder() { has_type "$1" 040000; }

# Only root can have written it. The demo's guests have no root of their own.
is_roots() { [ -n "$is_demo" ] || { [ "${owner[$1]}" = "$trusted" ] && [ $((${mode[$1]} & 022)) -eq 0 ]; }; }
is_record() { is_file "$1" && is_roots "$1" && is_folder "${1%/*}" && is_roots "${1%/*}"; }

# read_line FILE: $line is its one line; false when it holds more, a NUL, or nothing.
read_line() {
  line=""
  [ "${size[$1]}" -le 1000 ] || return 1
  IFS= read -r -d '' -n 1001 line <"$1" 2>/dev/null
  [ "${#line}" -eq "${size[$1]}" ] || return 1
  line=${line%$'\n'}
  [ -n "$line" ] && [[ $line != *$'\n'* ]]
}

# What the kernel counts, where it counts all of it: ticks of all processors, memory in KiB.
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

# applied recipes, and their probes in the background
declare -A probes=()
applied=()
for name in "${names[@]}"; do
  file=$root/var/lib/dvm/recipes/$name
  if ! is_record "$file" || ! read_line "$file"; then continue; fi
  [[ $line =~ ^([0-9a-f]{64})\ (done|not-run)\ ([0-9]{1,12})$ ]] || continue
  applied+=("$name" "${BASH_REMATCH[@]:1:3}")
  if [ "${BASH_REMATCH[2]}" = "done" ] && [ -f "probe-$name" ]; then
    timeout -k 1 10 bash -l "./probe-$name" </dev/null >/dev/null 2>&1 &
    probes[$name]=$!
  fi
done

printf 'dvm-answer\0%s\0%s\0%s\0' state 1 "$nonce"

if [ -z "${mode[$identity_file]:-}" ]; then
  answer identity "" ""
elif is_record "$identity_file" && read_line "$identity_file" &&
  [[ $line =~ ^([a-z][a-z0-9-]{0,75})\ ([0-9a-f]{32})$ ]]; then
  answer identity "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
else
  answer odd-identity # there, but not as _identity.sh writes it
fi

host='\H' user='\u' # as the prompt shows them: asked of the kernel and the users file, without a fork
boot_id=""
IFS= read -r boot_id </proc/sys/kernel/random/boot_id
host=${host@P}
answer host "${host:0:255}" "${user@P}" "$EUID" "$boot_id"
if [ -n "$is_demo" ]; then answer demo; else answer_use; fi

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
    origin=$(GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_CEILING_DIRECTORIES=${PWD%/*} timeout -k 1 5 \
      git config --no-includes -f "$code/.git/config" --get remote.origin.url 2>/dev/null </dev/null)
    # A password that stands in the URL stays in the guest.
    if [[ $origin =~ ^([a-zA-Z+]+://)[^/]*@(.*)$ && $origin != ssh://* ]]; then
      origin=${BASH_REMATCH[1]}${BASH_REMATCH[2]}
    fi
  fi
elif [ -d "$code" ] && first=$(find -H "$code" -mindepth 1 -maxdepth 1 -print -quit 2>&1) && [ -z "$first" ]; then
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
  elif hash=$(timeout -k 1 5 sha256sum -- "$hook" 2>/dev/null) && [[ $hash =~ ^\\?([0-9a-f]{64})\  ]]; then
    answer hook "${BASH_REMATCH[1]}" "${size[$hook]}"
  else
    answer odd-hook read
  fi
fi
file=$root/var/lib/dvm/hook
if [ -n "${mode[$file]:-}" ] && is_record "$file" && read_line "$file" && [[ $line =~ ^[0-9a-f]{64}$ ]]; then
  answer hook-applied "$line"
fi

for name in "${!probes[@]}"; do
  wait "${probes[$name]}"
  case $? in
  0) answer probe "$name" ok ;;
  69) answer probe "$name" unknown ;;
  *) answer probe "$name" failed ;;
  esac
done
answer end "$nonce"
