"""Reads tables as docs/destinations.md says. Each argument is a directory; the answer is a JSON object of each in turn."""

import json
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

DAYS = ds.partitioning(pa.schema([("_day", pa.date32())]), flavor="hive")


def described(frame):
    types = {name: str(kind) for name, kind in frame.dtypes.items()}
    frame = frame.astype(object).where(frame.notna(), None)
    rows = [{name: value if value is None else str(value) for name, value in row.items()} for row in frame.to_dict("records")]
    return {"types": types, "rows": rows}


for path in sys.argv[1:]:
    ways = {
        "with days": lambda: pd.read_parquet(path, partitioning=DAYS, ignore_prefixes=["."]),
        "in short": lambda: pd.read_parquet(path, ignore_prefixes=["."]),
        "as a dataset": lambda: ds.dataset(path, partitioning=DAYS, ignore_prefixes=["."]).to_table().to_pandas(),
    }
    answer = {}
    for name, way in ways.items():
        try:
            answer[name] = described(way())
        except Exception as error:
            answer[name] = {"error": str(error)}
    print(json.dumps(answer))
