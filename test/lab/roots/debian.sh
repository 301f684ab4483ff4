# Sourced by the root scripts: where Debian 13 comes from, and how a root of it is made.
#
# The mirror is the one this machine's own apt uses, so a machine behind a mirror or proxy needs no configuration here.

set -euo pipefail

SUITE=trixie

die() {
  echo "lab: $*" >&2
  exit 1
}

# Waits five minutes for another apt: a machine that has just started updates itself.
debian_install() {
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$1" >&2
}

# need PROGRAM [PACKAGE]: installs the package that brings the program when it is not there. Roots are made side by side, so
# one of them installs while the others wait.
need() {
  local package=${2:-$1}
  (
    flock 9
    command -v "$1" >/dev/null && exit
    echo "lab: installing $package" >&2
    debian_install "$package" || { apt-get update -qq >&2 && debian_install "$package"; } ||
      die "cannot install $package: install it by hand"
  ) 9<"${BASH_SOURCE[0]}"
}

# The archive's address as apt knows it. `Label: Debian` is the main archive; security has a label of its own.
debian_mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1
}

# The one line of sources.list all roots are made from.
debian_source() {
  local mirror
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || { apt-get update -qq >&2; mirror=$(debian_mirror); }
  [ -n "$mirror" ] || die "cannot find a Debian mirror: apt on this machine has no Debian source"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $SUITE main"
}

# bootstrap OUTPUT PACKAGES [OPTION...]: a minimal Debian with the packages (comma separated). OUTPUT `-` is a tar on stdout.
# Manuals and translations are left out: nobody reads them there, and unpacking them is a fifth of the time.
bootstrap() {
  local output=$1 packages=$2 source
  shift 2
  [ "$(id -u)" = 0 ] || die "cannot build a Debian root: root rights are needed (sudo)"
  need mmdebstrap
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || need no-such-program debian-archive-keyring
  source=$(debian_source)
  # A root that ends as a tar is unpacked below TMPDIR first: beside the cache, not in a small /tmp.
  [ "$output" = - ] || export TMPDIR=${TMPDIR:-$(dirname "$(realpath -m "$output")")}
  # No SOURCE_DATE_EPOCH: clamped times make Python compile every module again at each start.
  mmdebstrap --mode=root --variant=minbase \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/bash-completion/*' --dpkgopt='path-exclude=/usr/share/zsh/*' \
    --include="$packages" "$@" "$SUITE" "$output" "$source"
}
