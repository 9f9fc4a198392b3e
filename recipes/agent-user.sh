#!/usr/bin/env bash
# /// recipe
# summary: The account that AI agents run as, and the wall around them; each agent's recipe needs it
# category: agent
# needs: [baseline]
# params:
#   agent_user: {label: Agent user, default: dvm-agent, help: A system account of its own; never your own account}
# probe: type bwrap setfacl git && dvm-agent check "$DVM_CODE_DIR"
# files: [_agent.py, _agent_attack.py, _agent_git.py, _agent_kernel.py, _agent_project.py, _agent_rights.py, _agent_running.py, _agent_wall.py]
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

user=$DVM_AGENT_USER
home=$dvm_root/usr/local/lib/dvm/agent
[[ $user =~ ^[a-z][a-z0-9-]{0,30}$ ]] ||
  die "'$user' cannot name the agent user; set agent_user in the config, such as dvm-agent"
[ "$user" != "$(id -un)" ] || die "the agent user must be another than you; set agent_user in the config"

pkg_install acl bubblewrap git python3 fedora:shadow-utils debian:passwd
not_in_demo "the agent's account and the wall"

if ! getent passwd "$user" >/dev/null; then
  say "making the system account $user"
  as_root useradd --system --user-group --create-home --home-dir "/home/$user" --shell /bin/bash "$user" ||
    die "could not make the account $user: useradd's own words stand above"
  as_root chmod 700 "/home/$user"
fi
case " $(id -Gn "$user" 2>/dev/null) " in
*" sudo "* | *" wheel "* | *" docker "* | *" root "*)
  die "the account $user is in a group with more rights; set agent_user in the config to one of its own"
  ;;
esac

for file in "${DVM_LIB%/*}"/_agent*.py; do
  as_root install -D -m 755 -- "$file" "$home/${file##*/}" ||
    die "could not write $home/${file##*/} as root; see that 'sudo -n true' works in the guest"
done
root_record "$home/setting" "$user $(id -un) $DVM_CODE_DIR"
as_root mkdir -p -- "$dvm_root/usr/local/bin"
as_root ln -sfn -- "$home/_agent.py" "$dvm_root/usr/local/bin/dvm-agent"
if [ -d "$DVM_CODE_DIR" ]; then as_root "$home/_agent.py" share; fi
