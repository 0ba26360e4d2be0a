{{ mixload.stage('export', mixload.export_entries()) }}
