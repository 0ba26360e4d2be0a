{{ mixload.stage('export', mixload.export_entries(), view='export_latest') }}
