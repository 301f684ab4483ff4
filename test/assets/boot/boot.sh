# boot.sh: boots the maintenance root with our units as PID 1 of a container, in the tools root. The container has a network
# namespace of its own and memory for everything it writes; /t is the only thing it shares.
set -euo pipefail
mkdir -p /tmp/upper /tmp/work /m
mount -t overlay -o lowerdir=/in/root,upperdir=/tmp/upper,workdir=/tmp/work overlay /m
cp -a --no-preserve=ownership /in/assets/host/. /m/
# As builders of images leave it.
rm -f /m/etc/resolv.conf && echo 'nameserver 192.0.2.1' >/m/etc/resolv.conf
cp /in/assets/units/* /m/etc/systemd/system/
mkdir -p /m/etc/containers/systemd
cp /in/assets/quadlets/* /m/etc/containers/systemd/
cp -a --no-preserve=ownership /t/root/. /m/
while read -r name; do rm "/m/etc/containers/systemd/$name"; done </t/missing
systemctl --quiet --root=/m enable provision-dispatcher.service receiver.service \
  provision-firewall.service var-lib-containers.mount
bash /nspawn.sh /m --bind=/t --bind-ro=/repository
