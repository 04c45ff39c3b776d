#!/usr/bin/env bash
# tools/format.sh [--check] [--all]: formats the C++ files that differ from HEAD, or all; --check changes nothing and
# exits 1 when a file is not formatted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
action=(-i)
all=no
for argument in "$@"; do
  case $argument in
    --check) action=(--dry-run -Werror) ;;
    --all) all=yes ;;
    *) sed -n 2,3p "$0" >&2; exit 2 ;;
  esac
done
sources=('*.h' '*.cc')
if [ "$all" = yes ]; then
  mapfile -t files < <(git ls-files --cached --others --exclude-standard -- "${sources[@]}")
else
  mapfile -t files < <({ git diff --name-only --diff-filter=d HEAD -- "${sources[@]}"
                         git ls-files --others --exclude-standard -- "${sources[@]}"; } | sort -u)
fi
[ ${#files[@]} -eq 0 ] || printf '%s\0' "${files[@]}" | xargs -0 -n 20 -P "$(nproc)" clang-format-19 "${action[@]}"
