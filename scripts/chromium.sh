#!/usr/bin/env bash
# Install what the tests of the page need, as Debian packages it; where it is there already, do nothing.
set -euo pipefail
if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "no Chromium, and only root can install it: apt-get install chromium chromium-driver" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# A machine without fonts would show boxes on the screenshots.
apt-get -qq install --yes --no-install-recommends chromium chromium-driver fonts-dejavu-core >/dev/null
