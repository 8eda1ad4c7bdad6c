"""A registered model in use: batches of rows in files, a REST service, and one file for devices at the edge."""
