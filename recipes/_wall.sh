#!/usr/bin/env bash
# Attacks the wall around each agent; until there is one, nobody can say that it holds.
# In: DVM_NONCE, DVM_AGENTS (names of recipes, one a line).
set -uf
printf 'dvm-answer\0wall\0001\0%s\0' "${DVM_NONCE:?}"
while IFS= read -r name; do
  printf 'agent\0002\0%s\0unknown\0' "$name"
  printf 'found\0003\0%s\0unknown\0it is not installed\0' "$name"
done <<<"${DVM_AGENTS:?}"
printf 'end\0001\0%s\0' "$DVM_NONCE"
