/** A disk in the container's own /dev: a sparse file, where the scenario gives no device. */
export const LSBLK = `[ -e /dev/vdzz ] || truncate -s 4G /dev/vdzz
echo '{"blockdevices": [{"name": "vdzz", "kname": "vdzz", "pkname": null, "path": "/dev/vdzz", "type": "disk", "size": 4294967296, "log-sec": 512, "serial": "FAKE", "wwn": null, "model": null, "tran": null, "rm": false, "ro": false, "mountpoints": [null]}]}'`

/** What `partition` leaves of it. */
export const PREPARED = `echo '{"status": "done", "disk": {"path": "/dev/vdzz", "bytes": 4294967296, "serial": "FAKE"}}' >/run/provision/state/partition.json`
