#!/usr/bin/env bash
# Runs one program of a copy, DVM_PROGRAM (receive, copy_in, copy_out, list_folder); the modules that the host has too are a package.
# Without Python it answers `refused python`.
if command -v python3 >/dev/null 2>&1; then
    mkdir -p dvmweb/guest/copies && mv -- tally.py entries.py packing.py unpacking.py dvmweb/guest/copies/ &&
        exec python3 -IS -c 'import runpy, sys; sys.path.insert(0, "."); runpy.run_path(sys.argv[1], run_name="__main__")' "./$DVM_PROGRAM.py"
fi
if [ -e stream ]; then exec 4<stream; fi # the bootstrap waits for this
printf '%s\0' dvm-answer "$DVM_PROGRAM" 1 "$DVM_NONCE" refused 1 python end 1 "$DVM_NONCE"
