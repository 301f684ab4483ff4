#!/bin/bash
# iso.sh OUT.iso ESP.img LAYER…: the maintenance medium: El Torito UEFI boot image and the layers, which the initrd finds
# below /layers on the medium with this label. Runs in the tools root.
set -euo pipefail
out=$1 esp=$2
shift 2
grafts=("EFI/efi.img=$esp")
for layer in "$@"; do grafts+=("layers/$(basename "$layer")=$layer"); done

xorriso -as mkisofs -quiet -V PROVISIONER_MAINTENANCE -o "$out" -R -J -joliet-long -iso-level 3 -graft-points \
  -eltorito-alt-boot -e EFI/efi.img -no-emul-boot "${grafts[@]}"
