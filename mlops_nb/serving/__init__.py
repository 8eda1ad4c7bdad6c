"""A registered model in use: batches of rows in files, and one file for devices at the edge."""
