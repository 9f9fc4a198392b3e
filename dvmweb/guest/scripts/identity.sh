#!/usr/bin/env bash
# Writes the VM's identity: the line "INSTANCE ID" in /etc/dvm/identity, owned by root.
# In: DVM_INSTANCE, DVM_ID; file _lib.sh in the same folder.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. ./_lib.sh

[[ $DVM_INSTANCE =~ ^[a-z][a-z0-9-]{0,75}$ && $DVM_ID =~ ^[0-9a-f]{32}$ ]] ||
  die "DVM_INSTANCE or DVM_ID is invalid"
root_record "${DVM_IDENTITY_FILE:-$dvm_root/etc/dvm/identity}" "$DVM_INSTANCE $DVM_ID"
