#!/usr/bin/env bash
# Install Chromium from Debian's or Ubuntu's packages where it is missing.
set -euo pipefail
if command -v chromium >/dev/null; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "install.sh: needs root and apt-get; without Chromium the tests of the page in a browser are skipped" >&2
    exit 0
fi
apt-get update --quiet=2
DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends chromium fonts-dejavu-core >/dev/null
