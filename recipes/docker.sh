#!/usr/bin/env bash
# /// recipe
# summary: Containers without root, by the docker command (Docker on Debian and Ubuntu, Podman on Fedora)
# category: service
# needs: [baseline]
# probe: docker info
# ///
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$DVM_LIB"

user=$(id -un)
[ "$EUID" -ne 0 ] || die "this recipe is for an ordinary user: Docker without root cannot be set up for root"

if [ "$(os_family)" = fedora ]; then
  pkg_install podman podman-docker
else
  pkg_install docker.io uidmap slirp4netns dbus-user-session iptables kmod
  # Debian 12 and Ubuntu have these two inside others.
  pkg_try rootlesskit || true
  pkg_try docker-cli || true
fi
not_in_demo "the user's container service"

# Without lingering the service ends with the last session.
as_root loginctl enable-linger "$user" || die "loginctl could not let the services of $user run without a session"
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$UID}

if [ "$(os_family)" = fedora ]; then
  systemctl --user enable --now podman.socket ||
    die "the service podman.socket did not start; see: systemctl --user status podman.socket"
  # Says on each call that it is not Docker, unless this file is there.
  as_root mkdir -p "$dvm_root/etc/containers"
  as_root touch "$dvm_root/etc/containers/nodocker"
  exit 0
fi

# The daemon of the package runs as root; nothing here needs it.
as_root systemctl disable --now docker.service docker.socket ||
  die "the root's docker.service could not be stopped; see: systemctl status docker.service"
# The package keeps its scripts apart, and they look for the command docker beside them.
contrib=/usr/share/docker.io/contrib bin=~/.local/lib/dvm/docker
PATH=$bin:$contrib:/usr/sbin:$PATH
have dockerd-rootless-setuptool.sh || die "the package docker.io has no dockerd-rootless-setuptool.sh; install it by hand"
if ! systemctl --user is-active --quiet docker.service || ! systemctl --user is-enabled --quiet docker.service; then
  mkdir -p "$bin"
  ln -sfn "$contrib/dockerd-rootless.sh" "$bin/dockerd-rootless.sh"
  ln -sfn /usr/bin/docker "$bin/docker"
  # The setup wants this part of the kernel, which Debian's iptables of today does not load by itself.
  as_root modprobe ip_tables || say "modprobe could not load ip_tables; it may be a fixed part of this kernel"
  dockerd-rootless-setuptool.sh install --force </dev/null ||
    die "Docker without root could not be set up: its own words stand above"
fi
# Docker before 23 does not choose it by itself.
docker context inspect rootless >/dev/null 2>&1 ||
  docker context create rootless --docker "host=unix://$XDG_RUNTIME_DIR/docker.sock"
docker context use rootless
