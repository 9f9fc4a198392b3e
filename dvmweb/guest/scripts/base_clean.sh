#!/usr/bin/env bash
# Makes the guest of a base ready to be copied: removes what must be unique in each VM or belongs to one VM, such as host
# keys, machine id, identity, logs and what cloud-init remembers. The next boot makes them anew.
# In: DVM_CODE_DIR, DVM_IDENTITY_FILE (a demo guest); file _lib.sh in the same folder.
# Fails if it finds a private key, a login of a common tool, the project folder or a hook.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. ./_lib.sh

shopt -s nullglob
for found in ~/.ssh/id_* ~/.gnupg/private-keys-v1.d/*.key "$dvm_root/var/lib/dvm/hook"; do
  [ -e "$found" ] || [ -L "$found" ] || continue
  die "$found exists, and a base must not contain keys or hooks; a recipe made it"
done
if [ -e "$DVM_CODE_DIR" ]; then die "$DVM_CODE_DIR exists, and a base must not contain a project; a recipe made it"; fi

# Prints the first file with a private key or a login below the homes in its arguments.
# shellcheck disable=SC2016  # the inner bash expands these
first_login='shopt -s nullglob dotglob
  for home do
    grep -RlsE -D skip -m 1 -e "-----BEGIN .*PRIVATE KEY" -- "$home/.ssh"
    for name in .git-credentials .config/git/credentials .netrc .config/gh/hosts.yml .pypirc .aws/credentials .kube/config; do
      if [ -s "$home/$name" ]; then printf "%s\n" "$home/$name"; fi
    done
    for file in "$home"/.config/gcloud/*; do printf "%s\n" "$file"; done
    grep -lsE -e "\"(auth|identitytoken|registrytoken)\"" -- "$home/.docker/config.json"
    grep -lsE -e "_auth|_password" -- "$home/.npmrc"
  done | head -n 1'
homes=(~)
if ! is_demo; then homes+=("$dvm_root/root"); fi
found=$(as_root bash -c "$first_login" bash "${homes[@]}") || die "the homes could not be searched for keys and logins"
if [ -n "$found" ]; then die "$found has a private key or a login, and a base must not contain one; a recipe made it"; fi

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
