# nspawn.sh DIRECTORY [OPTION...]: boots the systemd of a root that is already mounted, to its end, in a container with a
# network of its own. To be run in the tools root with a writable cgroup hierarchy; more options are nspawn's.
set -euo pipefail
directory=$1
shift
for unit in getty.target systemd-logind.service podman.socket podman-restart.service; do
  ln -sf /dev/null "$directory/etc/systemd/system/$unit"
done
: >"$directory/etc/machine-id"

# systemd wants a cgroup of its own to delegate from; it is taken away again, for the kernel keeps it longer than we live.
group=$(mktemp -d /sys/fs/cgroup/units-XXXXXX)
leave() {
  echo $$ >/sys/fs/cgroup/cgroup.procs
  find "$group" -depth -type d -exec rmdir {} +
}
trap leave EXIT
echo $$ >"$group/cgroup.procs"
# crun makes a keyring for each container.
systemd-nspawn --quiet --register=no --keep-unit --machine="$(basename "$group")" --directory="$directory" --private-network \
  --system-call-filter=@keyring "$@" --console=pipe --boot systemd.unit=multi-user.target </dev/null
