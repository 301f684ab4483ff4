#!/bin/bash
# operator.sh DIRECTORY: the Debian of somebody who works with a controller: shells, and what watches it.
. "$(dirname "$0")/debian.sh"

bootstrap "$1" bash,zsh,fish,prometheus
