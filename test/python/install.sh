#!/usr/bin/env bash
# install.sh DIRECTORY: Python 3.13 with pip, as DIRECTORY/python and DIRECTORY/pip, for the tests
# that need programs from PyPI.
#
# If the machine has none, Debian's own is unpacked into DIRECTORY and started there by its own
# loader: nothing outside DIRECTORY is changed, and root is not needed. DIRECTORY is recreated each
# time.
set -euo pipefail

directory=$(realpath -m "$1")
rm -rf "$directory"
mkdir -p "$directory"
cd "$directory"

# Unpacks Python of Debian 13 with all libraries that it needs, the C library included.
unpack_python() {
  command -v apt-get dpkg-deb >/dev/null || {
    echo "$0: needs Python 3.13, or Debian to take it from." >&2
    exit 1
  }
  local mirror options keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  # The machine's own mirror, which may be the only one in reach.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep '/debian/*$' | sort -u | head -n 1 || true)
  mkdir -p apt/{lists/partial,archives/partial,none}
  echo "deb [signed-by=$keyring] ${mirror:-http://deb.debian.org/debian} trixie main" >apt/sources.list
  : >apt/status
  options=(
    -o Dir::Etc::sourcelist="$directory/apt/sources.list" -o Dir::Etc::sourceparts="$directory/apt/none"
    -o Dir::Etc::preferencesparts="$directory/apt/none" -o Dir::State::lists="$directory/apt/lists"
    -o Dir::State::status="$directory/apt/status" -o Dir::Cache="$directory/apt" -o Dir::Cache::archives="$directory/apt/archives"
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=5 -o Acquire::http::Timeout=120
    -o Debug::NoLocking=true
  )
  apt-get "${options[@]}" -qq update
  apt-get "${options[@]}" -qq -y --no-install-recommends --download-only install \
    python3.13-minimal libpython3.13-stdlib python3-pip-whl libstdc++6 zlib1g libssl3t64 libffi8 libsqlite3-0
  mkdir root
  for package in apt/archives/*.deb; do dpkg-deb -x "$package" root; done
  rm -rf apt
  cat >python <<'PYTHON'
#!/usr/bin/env bash
# Python of the packages beside this file, with their own C library.
usr=$(dirname "$(realpath "$0")")/root/usr
export PYTHONHOME=$usr SSL_CERT_FILE=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
loader=$(echo "$usr"/lib*/ld-linux-*.so.*)
libraries=$(dirname "$(echo "$usr"/lib/*/libc.so.6)")
exec "$loader" --library-path "$libraries" "$usr/bin/python3.13" "$@"
PYTHON
  chmod +x python
  # A wheel is a zip file, and Python runs what is in one.
  pip="$(echo "$directory"/root/usr/share/python-wheels/pip-*.whl)/pip"
}

if command -v python3.13 >/dev/null && python3.13 -m pip --version >/dev/null 2>&1; then
  ln -s "$(command -v python3.13)" python
  pip='-m pip'
else
  unpack_python
fi

cat >pip <<PIP
#!/usr/bin/env bash
# pip LOCK SITE: installs the packages of a lock file, and nothing else, into a separate directory.
exec "$directory/python" $pip install --quiet --root-user-action ignore --no-warn-script-location \\
  --disable-pip-version-check --retries 10 --timeout 120 --only-binary :all: --require-hashes --requirement "\$1" --target "\$2"
PIP
chmod +x pip
