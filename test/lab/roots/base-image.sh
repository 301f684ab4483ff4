#!/bin/bash
# base-image.sh ROOT OUT.erofs: the maintenance root as a read-only file system, without kernel and caches. lz4, because
# the time to build and to read under emulation counts here, not the size. Runs in the tools root.
set -euo pipefail
mkfs.erofs --quiet -zlz4 -C65536 -T0 --exclude-regex='^(boot|tmp|run|proc|sys|dev|var/cache|var/lib/apt/lists|etc/machine-id)/.+' \
  "$2" "$1"
