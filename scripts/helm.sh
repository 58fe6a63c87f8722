#!/usr/bin/env bash
# Print where helm is. Where there is none, build it once, from the Go module proxy, into the user's cache; with
# --no-build say so instead.
set -euo pipefail
version=v3.22.0
if command -v helm; then
    exit 0
fi
folder="${XDG_CACHE_HOME:-$HOME/.cache}/streamrank/helm-$version"
if [ -x "$folder/helm" ]; then
    echo "$folder/helm"
    exit 0
fi
if [ "${1:-}" = --no-build ]; then
    echo "no helm on this machine; make helm builds it, with Go, in some minutes" >&2
    exit 1
fi
if ! command -v go >/dev/null; then
    echo "no helm, and no go to build it with: install Helm 3 or 4, or Go" >&2
    exit 1
fi
echo "building helm $version (minutes, once)" >&2
mkdir -p "$folder"
# Into a folder of its own first, so that what was broken off is never taken for the whole. What compiling leaves behind,
# 700 MB, goes with that folder.
fresh="$(mktemp -d "$folder/building-XXXXXX")"
trap 'rm -rf "$fresh"' EXIT
# It must be told which Kubernetes it renders for, or it takes 1.20.
about=helm.sh/helm/v3/pkg/chartutil
GOBIN="$fresh" GOCACHE="$fresh/cache" GOFLAGS= CGO_ENABLED=0 go install \
    -ldflags "-s -w -X $about.k8sVersionMajor=1 -X $about.k8sVersionMinor=37" "helm.sh/helm/v3/cmd/helm@$version"
mv "$fresh/helm" "$folder/helm"
echo "$folder/helm"
