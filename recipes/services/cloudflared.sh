#!/usr/bin/env bash
# /// recipe
# summary: Cloudflare Tunnel that publishes one service on the internet
# category: service
# needs: [baseline]
# params:
#   cloudflared_token: {label: Tunnel token, secret: kept, help: "From the tunnel's page at Cloudflare; stored in the guest until you give a new one"}
#   cloudflared_service: {label: Service URL, help: "For example http://lima-dvm-app.internal:3000; empty if the tunnel is configured at Cloudflare"}
# units: [dvm-cloudflared]
# probe: dvm-cloudflared-health
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

kept=$dvm_root/etc/dvm/cloudflared-token
given=${DVM_CLOUDFLARED_TOKEN_FILE:-}

[[ $DVM_CLOUDFLARED_SERVICE =~ ^((https?|tcp|ssh)://[A-Za-z0-9.:_/-]+)?$ ]] ||
  die "'$DVM_CLOUDFLARED_SERVICE' is not a valid service URL; write one such as http://lima-dvm-app.internal:3000"
not_in_demo "set up the service \`dvm-cloudflared\`"
need_kept cloudflared_token "$given" "$kept"
if [ -n "$given" ] && ! grep -qxE '[A-Za-z0-9._=-]{20,}' -- "$given"; then
  die "cloudflared_token is not a tunnel token; copy the long text after --token from the tunnel's page at Cloudflare"
fi

pkg_install curl
release_install cloudflared cloudflared

# Only root can read it; systemd passes it to the service as a credential.
if [ -n "$given" ]; then root_file "$kept" 600 <"$given"; fi
command="$dvm_root/usr/local/bin/cloudflared tunnel --no-autoupdate --metrics 127.0.0.1:20241"
service_unit dvm-cloudflared \
  "$command run --token-file %d/token${DVM_CLOUDFLARED_SERVICE:+ --url $DVM_CLOUDFLARED_SERVICE}" \
  "LoadCredential=token:$kept"
service_up dvm-cloudflared
service_answers dvm-cloudflared http://127.0.0.1:20241/ready 60
say "The tunnel is connected"
