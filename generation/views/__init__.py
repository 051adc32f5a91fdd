"""Pages of data sets, trainings and generators. They show; every change goes through the REST API."""
