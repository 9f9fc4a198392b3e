#!/usr/bin/env bash
# /// recipe
# summary: Tailscale, with optional Funnel access from the internet
# category: network
# needs: [baseline]
# params:
#   tailscale_authkey: {label: Auth key, secret: kept, help: "From the Keys page of Tailscale; used once, to log in"}
#   tailscale_hostname: {label: Name in the tailnet, help: Empty for the name of the VM}
#   tailscale_funnel: {label: Funnel target, help: "Opened to the whole internet: a port such as 3000, or http://lima-dvm-app.internal:3000. Empty: Funnel is kept off"}
# units: [tailscaled]
# probe: tailscale status --peers=false >/dev/null && [ -n "$(dvm-tailscale-funnel)" ] && dvm-tailscale-funnel
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

version=1.104.7 bin=$dvm_root/usr/local/bin given=${DVM_TAILSCALE_AUTHKEY_FILE:-} target=$DVM_TAILSCALE_FUNNEL
[[ $DVM_TAILSCALE_HOSTNAME =~ ^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$ ]] ||
  die "'$DVM_TAILSCALE_HOSTNAME' is not a valid tailnet name; use lowercase letters, digits and hyphens"
if [[ $target =~ ^[0-9]{1,5}$ ]]; then target=http://127.0.0.1:$target; fi
[[ $target =~ ^(https?://[A-Za-z0-9.-]+:[0-9]{1,5})?$ ]] ||
  die "'$target' is not a valid Funnel target; write a port such as 3000, or http://lima-dvm-app.internal:3000"
not_in_demo "set up the service \`tailscaled\`"
need_kept tailscale_authkey "$given" "$dvm_root/var/lib/tailscale/tailscaled.state"

pkg_install python3
if ! pkg_try fedora:tailscale; then
  if [[ "$(tailscaled --version 2>/dev/null)" != *"$version"* ]]; then
    if go_install tailscale.com/cmd/tailscale "v$version" tailscale; then
      go_install tailscale.com/cmd/tailscaled "v$version" tailscaled
      as_root install -D -m 755 -t "$bin" -- ~/.local/bin/tailscale ~/.local/bin/tailscaled
      rm -f -- ~/.local/bin/tailscale ~/.local/bin/tailscaled # a user must not be able to change what root runs
    else
      release_install tailscale tailscale tailscaled
    fi
  fi
  service_unit tailscaled "$bin/tailscaled --state=/var/lib/tailscale/tailscaled.state" Type=notify DynamicUser=no \
    CapabilityBoundingSet=~ ProtectSystem=no ProtectKernelModules=no ProtectKernelTunables=no PrivateDevices=no \
    UMask=0022 RuntimeDirectory=tailscale StateDirectory=tailscale StateDirectoryMode=0700
fi
tool=$(command -v tailscale)
service_up tailscaled

for ((try = 0; try < 30; try++)); do
  state=$("$tool" status --json --peers=false 2>/dev/null </dev/null | sed -n 's/^ *{* *"BackendState": "\([A-Za-z]*\)".*/\1/p') || true
  case $state in Running | Stopped | NeedsLogin | NeedsMachineAuth) break ;; *) sleep "${dvm_service_wait:-1}" ;; esac
done
case $state in
Running) ;;
Stopped) as_root "$tool" up --timeout=60s </dev/null || die "tailscale could not connect: see its output above" ;;
NeedsLogin)
  need_kept tailscale_authkey "$given" /dev/null
  as_root "$tool" up --auth-key="file:$given" --timeout=60s </dev/null ||
    die "tailscale could not log in: see its output above. A key may work only once; create a new one and sync again"
  ;;
*) die "tailscale is in the state '$state'; if the machine needs approval, approve it on the Machines page of Tailscale" ;;
esac
as_root "$tool" set --hostname="$DVM_TAILSCALE_HOSTNAME" </dev/null || die "tailscale could not set the host name: see its output above"

# What tailscaled reports counts, not what was requested.
funnel_check "$bin/dvm-tailscale-funnel" "${target:-off}"
now=$("$bin/dvm-tailscale-funnel") || true
if [ "$now" != "${target:-off}" ]; then
  say "Funnel: ${now:-not known}; in the config: ${target:-off}"
  if [ -n "$now" ] && [ "$now" != off ]; then as_root "$tool" funnel reset </dev/null || die "tailscale could not turn Funnel off"; fi
  if [ -n "$now" ] && [ -n "$target" ]; then
    as_root timeout 60 "$tool" funnel --bg --yes "$target" </dev/null ||
      die "tailscale could not turn Funnel on: see its output above. Your tailnet must allow Funnel for this machine"
  fi
  now=$("$bin/dvm-tailscale-funnel") || true
fi
[ "$now" = "${target:-off}" ] || die "Funnel: ${now:-not known}; in the config: ${target:-off}." \
  "Find out what set it: tailscale funnel status"
say "Funnel: $now"
