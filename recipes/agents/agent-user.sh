#!/usr/bin/env bash
# /// recipe
# summary: User account and sandbox for AI agents
# category: agent
# needs: [baseline]
# params:
#   agent_user: {label: Agent user, default: dvm-agent, help: "The system account that agents run as, created if missing; never your own account"}
# probe: type bwrap setfacl git && dvm-agent check "$DVM_CODE_DIR"
# files: [launcher.py, agent_attack.py, agent_bwrap.py, agent_git.py, agent_kernel.py, agent_project.py, agent_rights.py, agent_running.py, agent_sandbox_test.py, agent_setting.py]
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

user=$DVM_AGENT_USER
home=$dvm_root/usr/local/lib/dvm/agent
[[ $user =~ ^[a-z][a-z0-9-]{0,30}$ ]] ||
  die "'$user' is not a valid name for the agent user; set agent_user in the config, for example to dvm-agent"
[ "$user" != "$(id -un)" ] || die "'$user' is your own account; set agent_user in the config to another name"

pkg_install acl bubblewrap git python3 fedora:shadow-utils debian:passwd
not_in_demo "create the account \`$user\` and the agent sandbox"

if ! getent passwd "$user" >/dev/null; then
  say "Creating the system account $user"
  as_root useradd --system --user-group --create-home --home-dir "/home/$user" --shell /bin/bash "$user" ||
    die "could not create the account $user: see the output of useradd above"
  as_root chmod 700 "/home/$user"
fi
case " $(id -Gn "$user" 2>/dev/null) " in
*" sudo "* | *" wheel "* | *" docker "* | *" root "*)
  die "the account $user is in a privileged group; set agent_user in the config to a separate account"
  ;;
esac

for file in "${DVM_LIB%/*}"/launcher.py "${DVM_LIB%/*}"/agent_*.py; do
  as_root install -D -m 755 -- "$file" "$home/${file##*/}" ||
    die "could not write $home/${file##*/} as root; check that 'sudo -n true' works in the guest"
done
root_record "$home/setting" "$user $(id -un) $DVM_CODE_DIR"
as_root mkdir -p -- "$dvm_root/usr/local/bin"
as_root ln -sfn -- "$home/launcher.py" "$dvm_root/usr/local/bin/dvm-agent"
if [ -d "$DVM_CODE_DIR" ]; then as_root "$home/launcher.py" share; fi
