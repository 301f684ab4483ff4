#!/bin/bash
# bare-root.sh SUITE DIRECTORY: the smallest Debian that apt makes, which is what the executable must be content with.
. "$(dirname "$0")/../lab/roots/debian.sh"

SUITE=$1
bootstrap "$2" apt
