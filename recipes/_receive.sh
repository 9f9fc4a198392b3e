#!/usr/bin/env bash
# Takes one file of the user's into the code dir, or home while that is not there; never over a file, never through a link.
# Its bytes come through the pipe `stream`; behind them has to stand the nonce, dvm's word that these were all.
# In: DVM_NONCE, DVM_INSTANCE, DVM_ID ("": any), DVM_HOST (hostname), DVM_CODE_DIR, DVM_SIZE, DVM_NAME, and for the case that
# the name is taken DVM_STEM and DVM_END: "STEM (2)END"; DVM_RESERVE (bytes of the disk that stay free), DVM_PIECE (bytes).
# Out: an answer of kind `receive` (dvmweb/answers.py): `ready HOST INSTANCE ID`, `at BYTES`..., `done NAME FOLDER`; or
# `refused guest|folder|full|write|incomplete|names`, and then nothing is left of it.
set -u
LC_ALL=C # lengths in bytes
umask 077
trap '' PIPE

nonce=$DVM_NONCE size=$DVM_SIZE most=$DVM_PIECE reserve=$DVM_RESERVE
[[ $size =~ ^[0-9]{1,13}$ && $most =~ ^[1-9][0-9]{0,8}$ && $reserve =~ ^[0-9]{1,13}$ ]] || exit 1
case $DVM_NAME in '' | . | .. | */*) exit 1 ;; esac
exec 4<stream # the bootstrap waits for this, too

answer() {
  local tag=$1
  shift
  printf '%s\0' "$tag" "$#" "$@" || exit 1
}

temp=""
# The end of the line and of the bootstrap each send a signal: the second one must not end the rm of the first.
clean_up() {
  trap '' HUP INT TERM
  if [ -n "$temp" ]; then rm -f -- "$temp"; fi
}
trap clean_up EXIT
trap 'clean_up; exit 129' HUP
trap 'clean_up; exit 130' INT
trap 'clean_up; exit 143' TERM

finish() {
  clean_up
  answer "$@"
  answer end "$nonce"
  exit 0
}

# A clone's ssh may lead to its origin: whoever is another one writes nothing.
check_guest() {
  local file=${DVM_ROOT:-}/etc/dvm/identity line="" host='\H'
  if [ -f "$file" ] && [ ! -L "$file" ]; then IFS= read -r -n 200 line <"$file"; fi
  [[ $line =~ ^([a-z][a-z0-9-]{0,75})\ ([0-9a-f]{32})$ ]] || finish refused guest
  local instance=${BASH_REMATCH[1]} id=${BASH_REMATCH[2]}
  ready=("${host@P}" "$instance" "$id")
  [ "${ready[*]}" = "$DVM_HOST $DVM_INSTANCE ${DVM_ID:-$id}" ] || finish refused guest
}

# take NAME: the file has this name from now on, unless something is there.
take() {
  ln -PT -- "$temp" "./$1" 2>/dev/null && return 0
  [ ! -e "./$1" ] && [ ! -L "./$1" ] || return 1
  mv -nT -- "$temp" "./$1" 2>/dev/null && [ ! -e "$temp" ] # a file system without hard links
}

printf 'dvm-answer\0%s\0%s\0%s\0' receive 1 "$nonce" || exit 1
check_guest

folder=$DVM_CODE_DIR
if [ ! -e "$folder" ] && [ ! -L "$folder" ]; then folder=$HOME; fi
cd -P -- "$folder" 2>/dev/null || finish refused folder
IFS=' ' read -r blocks bytes < <(stat -f -c '%a %S' -- . 2>/dev/null)
[[ ${blocks:-}${bytes:-} =~ ^[0-9]{2,18}$ ]] || finish refused folder
[ $((blocks * bytes)) -ge $((size + reserve)) ] || finish refused full
temp=$(mktemp -- ./.dvm-upload.XXXXXXXX 2>/dev/null) || finish refused folder
exec 5>"$temp" || finish refused folder
answer ready "${ready[@]}"

at=0
while [ "$at" -lt "$size" ]; do
  piece=$((size - at < most ? size - at : most))
  at=$((at + piece))
  dd bs=65536 count="$piece" iflag=fullblock,count_bytes status=none <&4 >&5 2>/dev/null || finish refused write
  [ "$(stat -L -c %s /proc/self/fd/5)" = "$at" ] || finish refused incomplete
  answer at "$at"
done
last=""
IFS= read -r -N "${#nonce}" -u 4 last
[ "$last" = "$nonce" ] || finish refused incomplete

exec 5>&-
chmod 644 -- "$temp" || finish refused write
case $PWD in
"$HOME" | "$HOME"/*) shown=\~${PWD#"$HOME"} ;;
*) shown=$PWD ;;
esac
name=$DVM_NAME
for ((number = 2; number <= 100; number++)); do
  if take "$name"; then finish "done" "$name" "$shown"; fi
  if [ ! -e "./$name" ] && [ ! -L "./$name" ]; then finish refused write; fi
  name="$DVM_STEM ($number)$DVM_END"
done
finish refused names
