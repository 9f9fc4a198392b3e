#!/usr/bin/env bash
# Makes the guest of a base ready to be copied: removes what must be unique in each VM or belongs to one VM, such as host
# keys, machine id, identity, logs and what cloud-init remembers. The next boot makes them anew.
# In: DVM_CODE_DIR, DVM_IDENTITY_FILE (a demo guest); file _lib.sh in the same folder.
# Fails if the guest has a key, a repository or a hook, which no base may have.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. ./_lib.sh

shopt -s nullglob
for found in ~/.ssh/id_* ~/.gnupg/private-keys-v1.d/*.key "$dvm_root/var/lib/dvm/hook"; do
  [ -e "$found" ] || [ -L "$found" ] || continue
  die "$found exists, and a base must not contain keys or hooks; a recipe made it"
done
if [ -e "$DVM_CODE_DIR" ]; then die "$DVM_CODE_DIR exists, and a base must not contain a project; a recipe made it"; fi

as_root rm -f -- "${DVM_IDENTITY_FILE:-$dvm_root/etc/dvm/identity}"
rm -f -- ~/.bash_history ~/.python_history ~/.lesshst ~/.wget-hsts
if is_demo; then exit 0; fi

# Lima writes its block anew at each boot; it can have values of the user's own lima.yaml.
if [ -f "$dvm_root/etc/environment" ]; then
  as_root sed -i '/^#LIMA-START/,/^#LIMA-END/d' "$dvm_root/etc/environment"
fi
if have apt-get; then as_root apt-get clean; fi
if have dnf5; then as_root dnf5 clean packages >/dev/null; elif have dnf; then as_root dnf clean packages >/dev/null; fi
if have cloud-init; then # without it nothing makes new host keys
  # shellcheck disable=SC2016  # the inner bash expands these
  as_root bash -c 'rm -f -- "$1"/etc/ssh/ssh_host_*' bash "$dvm_root"
fi
# The instance data has the user data of this boot. The scripts are Lima's, written anew at each boot.
# shellcheck disable=SC2016  # the inner bash expands these
as_root bash -c 'set -u; cd -- "$1/" || exit
  rm -rf -- var/lib/cloud/instance var/lib/cloud/instances var/lib/cloud/data var/lib/cloud/sem var/lib/cloud/scripts
  rm -rf -- var/log/journal/* var/log/cloud-init*.log var/log/installer var/lib/dhcp/*.leases
  rm -f -- var/lib/systemd/random-seed var/lib/systemd/credential.secret
  rm -f -- var/lib/NetworkManager/secret_key var/lib/NetworkManager/*.lease root/.bash_history
  for log in var/log/wtmp var/log/btmp var/log/lastlog var/log/*.log var/log/apt/*; do
    if [ -f "$log" ] && [ ! -L "$log" ]; then : >"$log"; fi
  done
  if [ -f var/lib/dbus/machine-id ] && [ ! -L var/lib/dbus/machine-id ]; then rm -f var/lib/dbus/machine-id; fi
  : >etc/machine-id' bash "$dvm_root"
# At each boot it looks for snapshots of LVM, which a VM does not have; under emulation that takes seconds.
if have systemctl; then as_root systemctl disable e2scrub_reap.service >/dev/null 2>&1 || true; fi
as_root fstrim / 2>/dev/null || true # smaller copies
sync
