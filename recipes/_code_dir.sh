#!/usr/bin/env bash
# Makes the folder in which the project lies. In: DVM_CODE_DIR.
set -euo pipefail
umask 022 # a script of ours runs with 077; what lies here is for the agents, too
mkdir -p -- "$DVM_CODE_DIR"
