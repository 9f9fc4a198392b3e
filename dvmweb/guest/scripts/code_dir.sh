#!/usr/bin/env bash
# Creates the code folder. In: DVM_CODE_DIR.
set -euo pipefail
umask 022 # our scripts run with 077, but agents must be able to read the folder
mkdir -p -- "$DVM_CODE_DIR"
