#!/usr/bin/env bash
# Installs what naas needs and what is missing. Quick and silent where all is there; says what it installs.
#
# Outside tools come from the distribution's packages. The named versions are those that every check is run with; where
# the distribution has others, they are taken with a notice.
set -euo pipefail
cd "$(dirname "$0")/.."

# command, package, version that the checks are run with (empty: any; * stands for the distribution's rebuilds)
tools=(
  "verilator verilator 5.006-3"
  "iverilog iverilog 11.0-1.1*"
  "yosys yosys 0.23-6"
  "g++ g++ "
  "make make "
  "python3 python3 "
)

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 3; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "root rights are needed for: $*; run this as root, or install the packages by hand"
  fi
}

# Installs one package, at the wanted version if the distribution has it.
install() {
  local package=$1 version=$2
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends)
  say "installing $package"
  if [ -n "$version" ] && as_root "${apt[@]}" "$package=$version" >/dev/null 2>&1; then return; fi
  as_root "${apt[@]}" "$package" >/dev/null || fail "cannot install $package: install it by hand, then run this again"
  if [ -n "$version" ]; then say "notice: $package is not version $version; the checks are run with that one"; fi
}

missing=()
for tool in "${tools[@]}"; do
  read -r command package version <<<"$tool"
  command -v "$command" >/dev/null || missing+=("$package ${version:-}")
done

if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || fail "please install: ${missing[*]} (this script knows apt-get only)"
  as_root apt-get update -qq >/dev/null || say "notice: the package lists could not be updated; trying the ones at hand"
  for entry in "${missing[@]}"; do
    read -r package version <<<"$entry"
    install "$package" "${version:-}"
  done
fi

if ! command -v cargo >/dev/null; then
  fail "cargo is missing: install Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer with rustup, rustfmt and clippy included"
fi
for part in fmt clippy; do
  cargo "$part" --version >/dev/null 2>&1 || say "notice: cargo $part is missing (rustup component add rustfmt clippy): \`make lint\` needs it"
done

# First without the network, so that a prepared machine needs none.
cargo fetch --locked --offline --quiet 2>/dev/null || cargo fetch --locked --quiet ||
  fail "cargo could not fetch the dependencies that Cargo.lock names"
