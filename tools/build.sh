#!/usr/bin/env bash
# tools/build.sh PRESET [TARGET…]: configures and builds; prints nothing but what failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=$1
shift

# Clones in different folders share the compiler cache.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=true

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! cmake --preset "$preset" >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
targets=()
[ $# -eq 0 ] || targets=(--target "$@")
if ninja -C "build/$preset" -n "${targets[@]:1}" 2>/dev/null | grep -q 'no work to do'; then
  exit 0
fi
echo "Building (preset $preset) …"
cmake --build --preset "$preset" "${targets[@]}" -- --quiet
