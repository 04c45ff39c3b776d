#!/usr/bin/env bash
# Installs what building and testing Triage needs on Debian 12; says and does nothing when all of it is there.
set -euo pipefail

packages=(
  # toolchain (the linker, sanitizer runtimes, formatter and linter belong to the compiler's version)
  clang-19 lld-19 clang-format-19 clang-tidy-19 libclang-rt-19-dev cmake ninja-build ccache
  # libraries; reasons in docs/dependencies.md
  libboost1.81-dev libssl-dev libsimdjson-dev libyaml-cpp-dev libcli11-dev libspdlog-dev libfmt-dev
  libsqlite3-dev nlohmann-json3-dev libxxhash-dev zlib1g-dev libzstd-dev libre2-dev libgtest-dev libgmock-dev
  # tests and scripts
  sqlite3 python3 python3-venv openssl curl ca-certificates git
)
# Node for its client SDKs, whose npm is a package of its own only where both are Debian's.
command -v node >/dev/null && command -v npm >/dev/null || packages+=(nodejs npm)

missing=()
installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${packages[@]}" 2>/dev/null || true)
for package in "${packages[@]}"; do
  grep -qx "ii  $package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "Triage builds on Debian 12; apt-get is not here. Missing: ${missing[*]}" >&2
  exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
  as_root=()
elif command -v sudo >/dev/null; then
  as_root=(sudo)
else
  echo "These packages are missing and installing them needs root or sudo:" >&2
  echo "  apt-get install ${missing[*]}" >&2
  exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1; then
    echo "failed: $*" >&2
    tail -n 20 "$log" >&2
    exit 1
  fi
}
echo "Installing ${#missing[@]} packages: ${missing[*]}"
run apt-get -q update
run apt-get -q install -y --no-install-recommends "${missing[@]}"
