# boot.sh: boots the maintenance root with our units as PID 1 of a container, in the tools root. The container has a network
# namespace of its own and memory for everything it writes; /t is the only thing it shares.
set -euo pipefail
mkdir -p /tmp/upper /tmp/work /m
mount -t overlay -o lowerdir=/in/root,upperdir=/tmp/upper,workdir=/tmp/work overlay /m
cp -a --no-preserve=ownership /in/assets/host/. /m/
cp /in/assets/units/* /m/etc/systemd/system/
mkdir -p /m/etc/containers/systemd
cp /in/assets/quadlets/* /m/etc/containers/systemd/
cp -a --no-preserve=ownership /t/root/. /m/
while read -r name; do rm "/m/etc/containers/systemd/$name"; done </t/missing
systemctl --quiet --root=/m enable provision-dispatcher.service receiver.service var-lib-containers.mount
for unit in getty.target systemd-logind.service systemd-resolved.service podman.socket podman-restart.service; do
  ln -sf /dev/null "/m/etc/systemd/system/$unit"
done
: >/m/etc/machine-id

# systemd wants a cgroup of its own to delegate from; it is taken away again, for the kernel keeps it longer than we live.
group=$(mktemp -d /sys/fs/cgroup/units-XXXXXX)
leave() {
  echo $$ >/sys/fs/cgroup/cgroup.procs
  find "$group" -depth -type d -exec rmdir {} +
}
trap leave EXIT
echo $$ >"$group/cgroup.procs"
# crun makes a keyring for each container.
systemd-nspawn --quiet --register=no --keep-unit --machine="$(basename "$group")" --directory=/m --private-network \
  --system-call-filter=@keyring --bind=/t --bind-ro=/repository --console=pipe --boot systemd.unit=multi-user.target </dev/null
