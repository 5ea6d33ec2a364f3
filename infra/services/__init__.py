"""Services on Google Cloud: code of workers/ that Cloud Run runs, as infra/functions is for Lambda."""
