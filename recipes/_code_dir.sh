#!/usr/bin/env bash
# Makes the folder in which the project lies. In: DVM_CODE_DIR.
set -euo pipefail
mkdir -p -- "$DVM_CODE_DIR"
