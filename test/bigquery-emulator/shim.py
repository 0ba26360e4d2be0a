"""Starts local-bigquery 0.3.2 with its gaps closed, as far as mixload would fall into them.

It reaches into the package, so it fits this one version. What it changes, beside each place with what BigQuery does:
tables are kept in memory, which makes every call three times as fast; large uploads; gzip; unknown keys of NDJSON; JSON texts;
partitions as targets of load and copy jobs; changed views; jobs with the same id at the same time; cancelled jobs. It ends
with the process that has started it.
"""

import functools
import gzip
import os
import re
import shutil
import sys
import threading
import uuid

import duckdb
import uvicorn
from local_bigquery import cli
from local_bigquery.api import uploads
from local_bigquery.catalog import tables
from local_bigquery.engine import database
from local_bigquery.errors import BigQueryError
from local_bigquery.jobs import copy, load, runner
from local_bigquery.jobs.query import translate_view
from local_bigquery.jobs.storage import literal
from local_bigquery.models import JobConfigurationQuery
from local_bigquery.settings import settings

PARTITION = re.compile(r"^(.+)\$(\d{4}|\d{6}|\d{8}|\d{10})$")
PARTITION_FORMATS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H"}
submitting = threading.Lock()
cancelling = threading.Lock()


def attach_in_memory(connection, project_id):
    # Rows have no order in BigQuery, either; keeping one would let a single thread insert them.
    connection.execute("SET GLOBAL preserve_insertion_order = false")
    connection.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {database.quote(project_id)}")
    database._attached.add(project_id)


def decompress(path):
    """BigQuery takes gzip wherever it takes plain text."""
    with open(path, "rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return
    with gzip.open(path, "rb") as compressed, open(path + ".plain", "wb") as plain:
        shutil.copyfileobj(compressed, plain, 1 << 20)
    shutil.move(path + ".plain", path)


def split_upload(content_type, payload):
    """The job and its file. The emulator's own parser, made for letters, takes seconds for 70 MB."""
    boundary = b"--" + re.search('boundary="?([^";]+)', content_type)[1].encode()
    begin = payload.index(boundary)
    middle = payload.index(boundary, begin + 1)
    end = payload.rindex(boundary)
    job = payload[payload.index(b"\r\n\r\n", begin) + 4 : middle - 2]
    return uploads._job(job), payload[payload.index(b"\r\n\r\n", middle) + 4 : end - 2]


def check_keys(cursor, path, config):
    """BigQuery refuses keys that the schema does not have; the emulator leaves them out. Here the first rows tell."""
    known = {field.name.casefold() for field in config.schema_.fields}
    found = cursor.sql(
        "SELECT DISTINCT unnest(json_keys(json)) FROM (SELECT json FROM "
        f"read_json_objects([{literal(path)}], format = 'newline_delimited', maximum_object_size = 104857600) LIMIT 5000)"
    ).fetchall()
    for (key,) in found:
        if key.casefold() not in known:
            raise BigQueryError("invalid", f"Error while reading data, error message: No such field: {key}.")


def json_as_it_is(original):
    """In NDJSON a text in a column of type JSON is a JSON text; the emulator would parse it once more."""
    return lambda field: field if field.type == "JSON" else original(field)


def split(reference):
    """The table's id and its partition; None where there is none."""
    match = PARTITION.match((reference and reference.tableId) or "")
    return (match[1], match[2]) if match else None


def inside(resource, partition):
    """A condition for rows of a partition."""
    layout = resource.timePartitioning
    if not layout or not layout.field:
        raise BigQueryError("invalid", "Partitions of a table that is not partitioned by a column")
    return f"strftime({database.quote(layout.field)}, '{PARTITION_FORMATS[len(partition)]}') = '{partition}'"


def submit_one_by_one(original):
    """BigQuery accepts a job id once. The emulator looks the id up and then takes it, so two requests
    that arrive at the same time could both take it."""

    def submit(*args):
        with submitting:
            return original(*args)

    return submit


def cancel(project_id, job_id):
    """Cancels a job that has not begun to write its table: see `begin_to_write`."""
    runner.get(project_id, job_id)
    with cancelling:
        running = runner._running.get((project_id, job_id))
        if running:
            running.cancelled = True
            if running.cursor:
                running.cursor.interrupt()
    return runner.wait(project_id, job_id, 1000)


def begin_to_write(cursor):
    """From here on nothing interrupts a job that writes a table. BigQuery either writes the table or cancels the
    job. The emulator could be interrupted after the rows had landed, and then reported the job as cancelled."""
    with cancelling:
        for running in list(runner._running.values()):
            if running.cursor is cursor:
                if running.cancelled:
                    raise duckdb.InterruptException()
                running.cursor = None


def write_table(original):
    def write(cursor, query, params, reference, config, *args, **kwargs):
        # Every query writes its rows somewhere, most of them to a table that only its job has.
        if not isinstance(config, JobConfigurationQuery) or config.destinationTable:
            begin_to_write(cursor)
        return original(cursor, query, params, reference, config, *args, **kwargs)

    return write


def put_into_partition(cursor, target, table_id, partition, stage, disposition):
    """Moves staged rows into a partition, in one transaction. BigQuery refuses rows of another."""
    reference = (target.projectId, target.datasetId, table_id)
    condition = inside(tables.get(*reference), partition)
    table, staged = tables.name(*reference), tables.name(target.projectId, target.datasetId, stage)
    try:
        strangers = cursor.sql(f"SELECT count(*) FROM {staged} WHERE ({condition}) IS NOT TRUE").fetchone()[0]
        if strangers:
            raise BigQueryError("invalid", f"Some rows belong to different partitions rather than {partition}")
        begin_to_write(cursor)
        with database.writing(*reference):
            cursor.execute("BEGIN")
            try:
                if disposition == "WRITE_TRUNCATE":
                    cursor.execute(f"DELETE FROM {table} WHERE {condition}")
                cursor.execute(f"INSERT INTO {table} BY NAME SELECT * FROM {staged}")
                cursor.execute("COMMIT")
            except Exception:
                cursor.execute("ROLLBACK")
                raise
    finally:
        tables.delete(target.projectId, target.datasetId, stage)


def load_job(original):
    def run(cursor, config, upload):
        target = config.destinationTable
        partition = split(target)
        if upload:
            decompress(upload)
        if not config.schema_:
            # A job without a schema reads with that of its table.
            table_id = partition[0] if partition else target.tableId
            config = config.replace(schema=tables.get(target.projectId, target.datasetId, table_id).schema_.dump())
        if upload and config.sourceFormat == "NEWLINE_DELIMITED_JSON":
            # The reader of the emulator needs a line, if only an empty one.
            if os.path.getsize(upload) == 0:
                with open(upload, "w") as file:
                    file.write("\n")
            check_keys(cursor, upload, config)
        if not partition:
            return original(cursor, config, upload)
        stage = "stage_" + uuid.uuid4().hex
        staged = config.replace(
            destinationTable=target.replace(tableId=stage),
            writeDisposition="WRITE_TRUNCATE",
            createDisposition="CREATE_IF_NEEDED",
        )
        result = original(cursor, staged, upload)
        put_into_partition(cursor, target, *partition, stage, config.writeDisposition or "WRITE_APPEND")
        return result

    return run


def copy_job(original):
    def run(cursor, config, upload):
        target, source = config.destinationTable, config.sourceTable
        partition, source_partition = split(target), split(source)
        if not partition or not source_partition:
            return original(cursor, config, upload)
        source_reference = (source.projectId, source.datasetId, source_partition[0])
        condition = inside(tables.get(*source_reference), source_partition[1])
        stage = "stage_" + uuid.uuid4().hex
        staged = tables.name(target.projectId, target.datasetId, stage)
        cursor.execute(f"CREATE TABLE {staged} AS SELECT * FROM {tables.name(*source_reference)} WHERE {condition}")
        put_into_partition(cursor, target, *partition, stage, config.writeDisposition or "WRITE_EMPTY")
        return copy.JobStatistics5(copiedRows="0", copiedLogicalBytes="0")

    return run


def update_table(original):
    """A view that is changed has another query; the emulator would only show another."""

    def update(project_id, dataset_id, table_id, body, etag, replace):
        updated = original(project_id, dataset_id, table_id, body, etag, replace)
        if body.view:
            query = translate_view(project_id, dataset_id, body.view.query)
            database.execute(f"CREATE OR REPLACE VIEW {tables.name(project_id, dataset_id, table_id)} AS {query}")
        return updated

    return update


def end_with_parent():
    """The other end of standard input is closed when the parent ends, in whatever way."""
    sys.stdin.read()
    shutil.rmtree(settings.data_dir, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    database._attach = attach_in_memory
    load._text = json_as_it_is(load._text)
    runner.HANDLERS["load"] = load_job(runner.HANDLERS["load"])
    runner.HANDLERS["copy"] = copy_job(runner.HANDLERS["copy"])
    runner.submit = submit_one_by_one(runner.submit)
    runner.cancel = cancel
    tables.write = write_table(tables.write)
    uploads._parts = split_upload
    tables.update = update_table(tables.update)
    uvicorn.run = functools.partial(uvicorn.run, log_level="warning", access_log=False, timeout_keep_alive=120)
    threading.Thread(target=end_with_parent, daemon=True).start()
    cli.main()
