#!/usr/bin/env bash
# Build the wheel and the source archive into a folder: the same bytes wherever and whenever that is done.
set -euo pipefail
into="$(realpath -m "${1:?which folder?}")"
cd "$(dirname "$0")/.."
# Unset, hatchling writes one fixed time into both.
unset SOURCE_DATE_EPOCH
exec "${PYTHON:-python3}" -m hatchling build --directory "$into"
