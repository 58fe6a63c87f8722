#!/usr/bin/env bash
# Fetch promtool and Prometheus, as Debian packages them, into the user's cache; where they are there already, do nothing.
# Nothing is installed, so root is not needed.
set -euo pipefail
cache=${XDG_CACHE_HOME:-$HOME/.cache}/streamrank/prometheus
if { command -v promtool && command -v prometheus; } >/dev/null || [ -x "$cache/usr/bin/promtool" ]; then
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "no Prometheus, and no apt-get to fetch it with: put promtool and prometheus on the PATH" >&2
    exit 1
fi
mkdir -p "$(dirname "$cache")"
# All is there before one rename shows it: a broken download is never seen.
fetching=$(mktemp -d "$cache.XXXXXX")
trap 'rm -rf "$fetching"' EXIT
if ! (cd "$fetching" && apt-get -qq -o APT::Sandbox::User=root download prometheus); then
    # Without lists apt knows no packages, or ones that are gone by now.
    if [ "$(id -u)" -ne 0 ]; then
        echo "no Prometheus can be fetched before apt-get update, which only root may do" >&2
        exit 1
    fi
    apt-get -qq update
    (cd "$fetching" && apt-get -qq -o APT::Sandbox::User=root download prometheus)
fi
dpkg-deb --extract "$fetching"/prometheus_*.deb "$fetching/files"
rm -rf "$cache"
mv "$fetching/files" "$cache"
