// Package influxd runs a real InfluxDB 1.8.10 as a managed child process: for
// integration tests, which should meet the database that users have, and for
// `picket demo --influx managed`, which should show dashboards without anyone
// installing a database. It imports no test package and is no test package.
//
// # Where the program comes from
//
// From source: the folder module/ is a Go module of its own that pins influxd
// as a tool, so the Go toolchain builds it (about a minute on two cores, once;
// then it lies in the build cache) and go.sum vouches for every byte. A nested
// module keeps influxd's hundred old dependencies out of ours. The price is
// that a Go toolchain and a checkout are needed; without them [Start] says so.
// The binary itself is executed, not `go tool influxd`, so that signals reach
// the database.
//
// # How it runs
//
// Everything listens on 127.0.0.1 on ports that the system chooses, keeps its
// data in one folder, and reports nothing to the outside. [Server.Kill] ends it
// as a power cut would; [Server.Restart] brings it back on the same port with
// the same data, as clients expect of a database.
package influxd
