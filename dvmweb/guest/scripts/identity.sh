#!/usr/bin/env bash
# Writes the VM's identity: the line "INSTANCE ID" in /etc/dvm/identity, owned by root.
# In: DVM_INSTANCE, DVM_ID, DVM_COPY=1 (a clone: also make the machine id anew); file _lib.sh in the same folder.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. ./_lib.sh

[[ $DVM_INSTANCE =~ ^[a-z][a-z0-9-]{0,75}$ && $DVM_ID =~ ^[0-9a-f]{32}$ ]] ||
  die "DVM_INSTANCE or DVM_ID is invalid"
if [ "${DVM_COPY:-}" = 1 ] && as_root test -w "$dvm_root/etc/machine-id"; then # not in a demo guest
  machine=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  root_record "$dvm_root/etc/machine-id" "$machine"
  # Debian links it; where it is a file, D-Bus has a copy.
  if [ -f /var/lib/dbus/machine-id ] && [ ! -L /var/lib/dbus/machine-id ]; then
    root_record /var/lib/dbus/machine-id "$machine"
  fi
fi
root_record "${DVM_IDENTITY_FILE:-$dvm_root/etc/dvm/identity}" "$DVM_INSTANCE $DVM_ID"
