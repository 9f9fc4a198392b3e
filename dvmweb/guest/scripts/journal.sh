#!/usr/bin/env bash
# Shows the journal of this guest. In: DVM_UNITS (systemd units, one per line; empty: all), DVM_LINES, DVM_FOLLOW=1.
# Out: the journal; exit code 66: no such unit, 69: this guest has no journal.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. ./_lib.sh

if is_demo || ! have journalctl; then
  echo "this guest has no journal" >&2
  exit 69
fi
words=(--no-pager --output=short-iso --lines="$DVM_LINES")
while IFS= read -r unit; do
  if [ -z "$unit" ]; then continue; fi
  if ! systemctl cat -- "$unit" >/dev/null 2>&1; then
    echo "there is no unit $unit" >&2
    exit 66
  fi
  words+=(--unit="$unit")
done <<<"$DVM_UNITS"
if [ -n "${DVM_FOLLOW:-}" ]; then words+=(--follow); fi
as_root journalctl "${words[@]}" </dev/null
