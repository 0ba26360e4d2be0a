#!/usr/bin/env bash
# install.sh PYTHON DIRECTORY: an emulator of BigQuery's API, made of PyPI's packages in
# requirements.lock, for the Python that test/python/install.sh has put into PYTHON. It takes about
# 20 s and 800 MB. DIRECTORY is recreated each time.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
python=$(realpath "$1")
directory=$(realpath -m "$2")
rm -rf "$directory"
mkdir -p "$directory"
cd "$directory"

"$python/pip" "$here/requirements.lock" site
ln -s "$python/python" python

# DuckDB looks for its extensions in the home directory, which for the emulator is this one.
HOME=$directory PYTHONPATH=$directory/site ./python -c "
import duckdb
for name in ('ducklake', 'icu', 'spatial'):
    folder = '$directory/site/duckdb_extension_' + name
    duckdb.sql(f\"INSTALL '{folder}/extensions/v{duckdb.__version__}/{name}.duckdb_extension'\")"
