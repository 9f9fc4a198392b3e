#!/usr/bin/env bash
# /// recipe
# summary: A Cloudflare Tunnel, which lets the internet in to one service
# category: service
# needs: [baseline]
# params:
#   cloudflared_token: {label: Tunnel token, secret: kept, help: "From the tunnel's page at Cloudflare; asked for once, a new one replaces it"}
#   cloudflared_service: {label: Leads to, help: "Like http://lima-dvm-app.internal:3000; empty for a tunnel whose page at Cloudflare says it"}
# units: [dvm-cloudflared]
# probe: dvm-cloudflared-health
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

kept=$dvm_root/etc/dvm/cloudflared-token
given=${DVM_CLOUDFLARED_TOKEN_FILE:-}

[[ $DVM_CLOUDFLARED_SERVICE =~ ^((https?|tcp|ssh)://[A-Za-z0-9.:_/-]+)?$ ]] ||
  die "'$DVM_CLOUDFLARED_SERVICE' is no address of a service; write one like http://lima-dvm-app.internal:3000"
if is_demo; then not_in_demo "the service dvm-cloudflared"; fi
need_kept cloudflared_token "$given" "$kept"
if [ -n "$given" ] && ! grep -qxE '[A-Za-z0-9._=-]{20,}' -- "$given"; then
  die "what was given as cloudflared_token is no tunnel token; copy the long word behind --token at Cloudflare"
fi

pkg_install curl
release_install cloudflared cloudflared

# Root's alone; systemd hands it to the service as a file that no other process can read.
if [ -n "$given" ]; then root_file "$kept" 600 <"$given"; fi
command="$dvm_root/usr/local/bin/cloudflared tunnel --no-autoupdate --metrics 127.0.0.1:20241"
service_unit dvm-cloudflared \
  "$command run --token-file %d/token${DVM_CLOUDFLARED_SERVICE:+ --url $DVM_CLOUDFLARED_SERVICE}" \
  "LoadCredential=token:$kept"
service_up dvm-cloudflared
service_answers dvm-cloudflared http://127.0.0.1:20241/ready 60
say "the tunnel is connected"
