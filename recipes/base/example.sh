#!/usr/bin/env bash
# /// recipe
# summary: An example project, with a server that runs and a commit that is not pushed
# category: base
# needs: [git]
# params:
#   example_port: {label: Port, default: "8000", type: number, help: "Where its server listens; open to the host if the config lists it under ports"}
# probe: python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)' "$(cat ~/.local/share/dvm-example/port)"
# files: [example_readme.md, example_page.html, example_server.py]
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

[[ $DVM_EXAMPLE_PORT =~ ^[1-9][0-9]{3,4}$ && $DVM_EXAMPLE_PORT -ge 1024 && $DVM_EXAMPLE_PORT -le 65535 ]] ||
  die "'$DVM_EXAMPLE_PORT' is not a valid port; write a number from 1024 to 65535"
have python3 || pkg_install python3

code=$DVM_CODE_DIR kept=$HOME/.local/share/dvm-example
umask 022 # our scripts run with 077, but agents must be able to read the folder
mkdir -p -- "$kept"

# as_author ARGUMENT...: git in the project, for a commit of the example.
as_author() { git -C "$code" -c user.name=Example -c user.email=example@example.invalid -c commit.gpgSign=false "$@"; }

# What is in the code folder belongs to the user, so the project is made only where there is nothing yet.
if [ -d "$code" ] && [ -n "$(find -H "$code" -mindepth 1 -maxdepth 1 -print -quit)" ]; then
  say "$code is not empty and stays as it is"
else
  mkdir -p -- "$code"
  cp -- example_readme.md "$code/README.md"
  cp -- example_server.py "$code/server.py"
  cp -- example_page.html "$code/index.html"
  git -C "$code" init -q -b main
  as_author add .
  as_author commit -qm "A page and its server"
  # As after a push: of a remote that no name leads to, so that nothing ever leaves the VM.
  git -C "$code" remote add origin https://example.invalid/example.git
  git -C "$code" update-ref refs/remotes/origin/main HEAD
  git -C "$code" branch -q -u origin/main
  printf '<!-- Hello, reader. -->\n' >>"$code/index.html"
  as_author commit -qam "Say hello to the reader"
  say "$code has a project with one commit that is not pushed"
fi

# answers: succeeds if something listens on the port.
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$DVM_EXAMPLE_PORT") 2>/dev/null; }

if ! answers; then
  [ -f "$code/server.py" ] || die "$code/server.py is missing; empty the folder to get the example again"
  setsid -f python3 "$code/server.py" "$DVM_EXAMPLE_PORT" >"$kept/server.log" 2>&1 </dev/null
  for _ in $(seq 50); do
    if answers; then break; fi
    sleep 0.1
  done
  answers || die "the server did not start: $(tail -n 3 "$kept/server.log")"
fi
printf '%s\n' "$DVM_EXAMPLE_PORT" >"$kept/port"
say "The server listens on 127.0.0.1:$DVM_EXAMPLE_PORT"
