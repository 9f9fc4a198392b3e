#!/usr/bin/env bash
# /// recipe
# summary: llama.cpp server with your choice of models
# category: service
# needs: [baseline]
# params:
#   llama_models: {label: Models, required: true, help: "alias=https://… for each model (one .gguf file), separated by spaces"}
#   llama_models_sha256: {label: Checksums, required: true, help: "alias=sha256 for each model, as its publisher gives it"}
#   llama_default_model: {label: Default model, help: The alias of the model to serve; empty for the first one}
#   llama_host: {label: Listen address, default: 0.0.0.0, help: With 127.0.0.1 other VMs cannot connect}
#   llama_port: {label: Port, default: "8080", type: number, help: "Open to other VMs; to the host only if the config lists it under ports"}
#   llama_refresh: {label: Verify models, default: "0", type: yes-no, help: "1: each run checks all model files and downloads changed ones again"}
# ports: [8080]
# units: [dvm-llama]
# probe: dvm-llama-health
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

models=$dvm_root/var/lib/dvm-llama
declare -A urls=() sums=()
aliases=()
dvm_fetch_seconds=3400 # the time limit of the step is one hour

# check_pair PARAM PAIR PATTERN EXAMPLE: PAIR must be ALIAS=VALUE, and VALUE must match PATTERN.
check_pair() {
  [[ $2 == *=* && ${2%%=*} =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$ && ${2#*=} =~ $3 ]] ||
    die "'$2' in $1 is not valid; write ALIAS=$4 for each model, separated by spaces"
}

read -ra words <<<"$DVM_LLAMA_MODELS"
for word in "${words[@]}"; do
  check_pair llama_models "$word" '^https://[^[:space:]]+$' 'https://…'
  [ "${word%%=*}" != default ] || die "llama_models must not use the alias default: it is reserved for the default model"
  [ -z "${urls[${word%%=*}]:-}" ] || die "llama_models names the alias ${word%%=*} twice; give each model its own alias"
  aliases+=("${word%%=*}") urls[${word%%=*}]=${word#*=}
done
read -ra words <<<"${DVM_LLAMA_MODELS_SHA256//,/ }"
for word in "${words[@]}"; do
  check_pair llama_models_sha256 "$word" '^[0-9A-Fa-f]{64}$' 'SHA256 (64 hex digits)'
  sums[${word%%=*}]=$(tr A-F a-f <<<"${word#*=}")
done
for alias in "${aliases[@]}"; do
  [ -n "${sums[$alias]:-}" ] || die "the model $alias has no checksum; add $alias=SHA256 to llama_models_sha256"
done
default=${DVM_LLAMA_DEFAULT_MODEL:-${aliases[0]:-}}
[ -z "$default" ] || [ -n "${urls[$default]:-}" ] || die "the default model $default is not in llama_models (${aliases[*]:-none})"
[[ $DVM_LLAMA_HOST =~ ^[0-9A-Fa-f.:]+$ ]] || die "'$DVM_LLAMA_HOST' is not an IP address; write 0.0.0.0 or 127.0.0.1"
[[ $DVM_LLAMA_PORT =~ ^[1-9][0-9]{3,4}$ && $DVM_LLAMA_PORT -ge 1024 && $DVM_LLAMA_PORT -le 65535 ]] ||
  die "'$DVM_LLAMA_PORT' is not a valid port; write a number from 1024 to 65535"
[[ $DVM_LLAMA_REFRESH =~ ^[01]$ ]] || die "llama_refresh is '$DVM_LLAMA_REFRESH'; write 0 or 1"

pkg_install curl
pkg_or_release llama "fedora:llama-cpp debian:llama.cpp-tools" llama-server
not_in_demo "set up the service \`dvm-llama\`"

as_root install -d -m 755 -o "$(id -un)" -- "$models"
for alias in "${aliases[@]}"; do
  model=$models/$alias.gguf known=$(cat "$models/$alias.sha256" 2>/dev/null) || true
  if [ "$DVM_LLAMA_REFRESH" = 0 ] && [ -f "$model" ] && [ "$known" = "${sums[$alias]}" ]; then continue; fi
  before=$(stat -c '%i %Y' -- "$model" 2>/dev/null) || true
  fetch_pinned "${urls[$alias]}" "${sums[$alias]}" "$model"
  chmod 644 -- "$model"
  printf '%s\n' "${sums[$alias]}" >"$models/$alias.sha256"
  if [ "$alias" = "$default" ] && [ "$(stat -c '%i %Y' -- "$model")" != "$before" ]; then dvm_changed=1; fi
done
if [ -n "$default" ] && [ "$(readlink -- "$models/default.gguf")" != "$default.gguf" ]; then
  ln -sfn -- "$default.gguf" "$models/default.gguf"
  dvm_changed=1
fi
[ -e "$models/default.gguf" ] || die "there is no model; set llama_models and llama_models_sha256, or create $models/default.gguf"

service_unit dvm-llama "$(command -v llama-server) -m $models/default.gguf --host $DVM_LLAMA_HOST --port $DVM_LLAMA_PORT"
case $DVM_LLAMA_HOST in 0.0.0.0) host=127.0.0.1 ;; ::) host="[::1]" ;; *:*) host="[$DVM_LLAMA_HOST]" ;; *) host=$DVM_LLAMA_HOST ;; esac
service_up dvm-llama
service_answers dvm-llama "http://$host:$DVM_LLAMA_PORT/health" 600 # a large model takes minutes to load
say "llama.cpp is reachable from other VMs at http://$(guest_name):$DVM_LLAMA_PORT"
