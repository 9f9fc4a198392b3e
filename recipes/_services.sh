#!/usr/bin/env bash
# Shared by recipes of services: systemd units, health checks and the Funnel check. Sourced by `_lib.sh`.
# shellcheck disable=SC2154 # `_lib.sh` sets dvm_root

# service_unit NAME COMMAND [LINE...]: writes a systemd unit whose service can write nothing and sees no home folder. LINEs
# override that. Pass a secret with LoadCredential, never in COMMAND.
service_unit() {
  local name=$1 command=$2
  shift 2
  root_file "$dvm_root/etc/systemd/system/$name.service" 644 <<END
# Written by dvm: the next run of the recipe overwrites changes made here.
[Unit]
Description=$name, set up by dvm
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=$command
DynamicUser=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
PrivateTmp=yes
PrivateDevices=yes
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
UMask=0077
Restart=on-failure
RestartSec=5
$(printf '%s\n' "$@")

[Install]
WantedBy=multi-user.target
END
}

# service_up UNIT: enables and starts the systemd unit; restarts it if one of its files has changed.
service_up() {
  local name=${DVM_INSTANCE:-}
  if ! as_root systemctl daemon-reload || ! as_root systemctl enable --quiet "$1"; then
    die "systemd could not enable the unit $1: see its output above"
  fi
  if [ -n "$dvm_changed" ] || ! systemctl is-active --quiet "$1"; then
    as_root systemctl restart "$1" || die "the service $1 did not start; see its journal: dvm log ${name#dvm-} $1"
  fi
}

# service_answers UNIT URL SECONDS: waits until URL responds, and ends the recipe if it does not. It writes the command
# UNIT-health, which makes the same check, for the recipe's probe.
service_answers() {
  local health=$dvm_root/usr/local/bin/$1-health name=${DVM_INSTANCE:-} try
  root_file "$health" 755 <<END
#!/bin/sh
# Written by dvm: succeeds if the service responds.
systemctl is-active --quiet $1 && exec curl -fsS --noproxy '*' --max-time 5 -o /dev/null -- $2
END
  for ((try = 0; try < $3; try++)); do
    if "$health" 2>/dev/null; then return 0; fi
    systemctl is-active --quiet "$1" || die "the service $1 stopped; see its journal: dvm log ${name#dvm-} $1"
    sleep "${dvm_service_wait:-1}"
  done
  die "the service $1 is running but does not respond at $2; see its journal: dvm log ${name#dvm-} $1"
}

# funnel_check FILE WANTED: writes the command FILE, which prints the target of Tailscale Funnel, or off. Its exit code is
# 0 if that is WANTED and 3 if not; if tailscaled does not report it, another code and no output.
funnel_check() {
  root_file "$1" 755 <<END
#!/usr/bin/env python3
# Written by dvm: prints the target of Funnel, or off; exit code 0 if that is the target in the config.
import json, subprocess, sys

def leads(config):
    for part in (config, *(config.get("Foreground") or {}).values()):
        for at in (at for at, is_open in (part.get("AllowFunnel") or {}).items() if is_open):
            handlers = ((part.get("Web") or {}).get(at) or {}).get("Handlers") or {"": {}}
            yield from (one.get("Proxy") or "something else" for one in handlers.values())

said = subprocess.run(["tailscale", "funnel", "status", "--json"], stdout=subprocess.PIPE, check=True, timeout=9).stdout
now = " and ".join(sorted(set(leads(json.loads(said) or {})))) or "off"
print(now)
sys.exit(0 if now == "$2" else 3)
END
}
