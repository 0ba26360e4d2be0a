"""Closes a gap of the emulator for dbt: a job that made a table by a query also says where it went, as BigQuery's do."""

from google.cloud.bigquery import QueryJob

said = QueryJob.destination.fget
QueryJob.destination = property(lambda job: said(job) or job.ddl_target_table)
