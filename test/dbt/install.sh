#!/usr/bin/env bash
# install.sh PYTHON DIRECTORY: dbt with its adapters, of PyPI's packages in requirements.lock, for
# the Python that test/python/install.sh has put into PYTHON; `dbt` in DIRECTORY runs it. About 40 s
# and 600 MB. DIRECTORY is created again.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
python=$(realpath "$1")
directory=$(realpath -m "$2")
rm -rf "$directory"
mkdir -p "$directory"
cd "$directory"

"$python/pip" "$here/requirements.lock" site

# Python that was unpacked must be started by its own loader, also where Python starts itself.
cat >dbt <<DBT
#!/usr/bin/env bash
export PYTHONPATH=$directory/site\${PYTHONPATH:+:\$PYTHONPATH}
exec "$python/python" -c "
import multiprocessing
multiprocessing.set_executable('$python/python')
from dbt.cli.main import cli
cli()" "\$@"
DBT
chmod +x dbt
./dbt --version >/dev/null
