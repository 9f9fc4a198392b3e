#!/usr/bin/env bash
# Reports programs of users in this guest, besides those that a login or this question starts; read-only.
# A program without a terminal counts, too: tmux, a build in the background, a dev server, a container of any user.
# In: DVM_NONCE. Out: an answer of kind `idle` (dvmweb/guest/protocol.py): `runs NAME`, at most 10 of them.
set -uo pipefail
LC_ALL=C
root=${DVM_ROOT:-}
first=1 # processes up to this one are the system's
if [ -e "$root/etc/dvm-demo" ]; then first=2; fi

answer() {
  local tag=$1
  shift
  printf '%s\0' "$tag" "$#" "$@"
}

# Runs for each user that is or was logged in, and does nothing by itself.
is_idle_by_nature() {
  case $1 in
  systemd | '(sd-pam)' | sshd | sshd-session | sshd-auth | dbus-daemon | dbus-broker | dbus-broker-lau | gpg-agent | \
    ssh-agent | lima-guestagent | pipewire | pipewire-pulse | wireplumber) return 0 ;;
  esac
  return 1
}

# Runs as root or another account, and is there only while something of a user works: a container, a VM, sudo.
is_use_by_nature() {
  case $1 in
  containerd-shim* | conmon | systemd-nspawn | qemu-system-* | sudo | su) return 0 ;;
  esac
  return 1
}

agent=-1 # the user of AI agents, which can be a system account
if read -r name _ <"$root/usr/local/lib/dvm/agent/setting"; then agent=$(id -u -- "$name" || echo -1); fi 2>/dev/null

declare -A parent=() uid=() name=()
while IFS=' /' read -r owner _ pid; do
  IFS= read -r -d '' text 2>/dev/null <"/proc/$pid/stat" || [ -n "$text" ] || continue # it has ended
  read -r _ "parent[$pid]" _ <<<"${text##*) }"
  text=${text#*(}
  name[$pid]=${text%)*} uid[$pid]=$owner
done < <(stat -c '%u %n' -- /proc/[0-9]* 2>/dev/null)

# Without a list of processes, which holds at least this one, nothing is known: that is never "nothing runs".
if [ -z "${uid[$$]:-}" ]; then
  echo "the processes cannot be listed" >&2
  exit 1
fi

# This question: all below the connection that asks it, which is the highest parent that is not the system's.
declare -A ours=()
pid=$$
while [ "$pid" -gt "$first" ]; do
  ours[$pid]=1
  pid=${parent[$pid]:-0}
  case ${name[$pid]:-} in sshd*) break ;; esac
done

# is_ours PID: whether this question started it.
is_ours() {
  local pid=$1
  while [ "$pid" -gt "$first" ]; do
    if [ -n "${ours[$pid]:-}" ]; then return 0; fi
    pid=${parent[$pid]:-0}
  done
  return 1
}

printf 'dvm-answer\0%s\0%s\0%s\0' idle 1 "$DVM_NONCE"
count=0
for pid in "${!uid[@]}"; do
  if [ "$pid" -le "$first" ]; then continue; fi
  if [ "${uid[$pid]}" -lt 1000 ] && [ "${uid[$pid]}" -ne "$agent" ] && ! is_use_by_nature "${name[$pid]}"; then continue; fi
  if [ "${uid[$pid]}" -eq 65534 ] || is_idle_by_nature "${name[$pid]}" || is_ours "$pid"; then continue; fi
  answer runs "${name[$pid]:0:64}"
  if [ "$((count += 1))" -eq 10 ]; then break; fi
done
answer end "$DVM_NONCE"
