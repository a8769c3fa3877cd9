#!/bin/sh
# Run once by the InfluxDB image, after it set itself up. Grafana asks in InfluxQL,
# for which InfluxDB 2 must know the bucket as a database.
set -eu
influx v1 dbrp create \
	--bucket-id "$DOCKER_INFLUXDB_INIT_BUCKET_ID" \
	--db "$DOCKER_INFLUXDB_INIT_BUCKET" \
	--rp autogen \
	--default
