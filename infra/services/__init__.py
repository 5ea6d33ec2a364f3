"""Services on Google Cloud: code of workers/ that Cloud Run runs, as infra/serverless is for Lambda."""
