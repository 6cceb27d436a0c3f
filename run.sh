#!/usr/bin/env bash
# The only entry point: create the project's environment when it is missing or out of date, then run the command in it.
set -euo pipefail
here=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
venv="$here/.venv"
lock="$here/requirements/project.lock"

say() { printf '%s\n' "$*" >&2; }
die() { say "run.sh: $1"; say "  $2"; exit 1; }

find_python() {
  local candidate
  for candidate in "${GUARDRAILS_PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
    [ -n "$candidate" ] && "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
      >/dev/null 2>&1 && { command -v -- "$candidate"; return; }
  done
  return 1
}

# What the environment was made from. When any of it changes, the environment is made again.
wanted() { cat -- "$lock" "$here"/packaging/* && printf '%s\n' "$here"; }

# Copy pip's output to the log; on a terminal, count the packages as well.
progress() {
  local line count=0 total
  total=$(grep -c '==' -- "$lock")
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    [ -t 2 ] || continue
    case $line in
      Ignoring\ *) total=$((total - 1)) ;;
      # From the index, or a file that pip has already.
      Collecting\ * | Processing\ *) line=${line#* }; line=${line%% *}; count=$((count + 1))
        printf '\r\033[Krun.sh: package %d of %d: %s' "$count" "$total" "${line##*/}" >&2 ;;
      Installing\ collected*) printf '\r\033[Krun.sh: installing the packages' >&2 ;;
    esac
  done
  if [ -t 2 ]; then printf '\r\033[K' >&2; fi
}

pip() { "$venv/bin/python" -m pip install --disable-pip-version-check --no-input "$@" 2>&1 | progress; }

install() {
  local python log="$venv/install.log"
  python=$(find_python) || die "no Python 3.11 or newer with the venv module was found" \
    "install one (Debian: apt install python3 python3-venv), or name it: GUARDRAILS_PYTHON=/path/to/python3 ./run.sh setup"
  say "run.sh: installing the packages into .venv with $("$python" -V) (a minute or two, once)"
  rm -rf -- "$venv"
  "$python" -m venv "$venv" || die "could not make $venv" "is the directory writable, and is the disk full?"
  if ! pip --require-hashes -r "$lock" || ! pip --no-deps --no-build-isolation -e "$here"; then
    grep -iE 'error|failed|could not' -- "$log" | tail -n 5 >&2 || true
    cp -- "$log" "$here/install.log"; rm -rf -- "$venv"
    die "installing the packages failed; the whole output is in install.log" \
      "is the Python package index reachable (pip's settings, a proxy)? Then run it again."
  fi
  wanted >"$venv/made-from"
}

# A shell that asks for completions cannot wait for an installation.
if [ ! -f "$venv/made-from" ] || ! wanted | cmp -s -- - "$venv/made-from"; then
  if [ -n "${_GUARDRAILS_COMPLETE:-}" ]; then exit 0; fi
  install
fi

# Hints name the command as the user typed it.
case $0 in
  */*) export GUARDRAILS_COMMAND=$0 ;;
  *) export GUARDRAILS_COMMAND=./$0 ;;
esac
exec "$venv/bin/guardrails" "$@"
